"""What is written is read again: every wire type, in every format, and they all say the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution_broker.formats import FORMATS, JSON, Format
from tests.formats.wire_values import TYPES, instances

READ = settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: getattr(type_, "__name__", "Update"))
@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
@READ
@given(data=st.data())
def test_what_is_written_is_read_again(format_: Format, type_: Any, data: st.DataObject) -> None:
    value = data.draw(instances(type_))
    read = format_.read(format_.write(value), type_)
    assert msgspec.convert(read, type=type_) == value
    assert read == JSON.read(JSON.write(value), type_)
