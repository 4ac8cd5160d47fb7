"""The simple kind of data keeps the contract."""

from typing import Any

import pytest

from execution_broker.data.simple import SimpleDataConfig, SimpleDataKind
from execution_broker.domain.errors import Permanent
from execution_broker.models.component import Metadata
from execution_broker.models.resources import SimpleData
from execution_broker.ports import registry
from execution_broker.ports.data import DataKind, Source
from execution_broker.testing.data import DataKindContract


class TestSimpleData(DataKindContract):
    @pytest.fixture
    def data_kind(self) -> DataKind:
        return SimpleDataKind(SimpleDataConfig())

    @pytest.fixture
    def resource(self) -> Any:
        return SimpleData(location="https://example.org/dir/file.fits")

    @pytest.fixture
    def incomplete(self) -> Any:
        return SimpleData()


async def test_the_location_is_left_alone() -> None:
    location = "https://example.org/dir/file.fits?signature=x%2Fy"
    source = await SimpleDataKind(SimpleDataConfig()).locate(SimpleData(location=location))
    assert source == Source(location=location, name="file.fits")


@pytest.mark.parametrize(
    "location",
    [
        "",
        "file.fits",
        "/dir/file",
        "https:",
        "://host",
        " https://host/",
        "https://a\nb/",
        "http://[",
    ],
)
async def test_what_is_no_url_is_refused_by_name(location: str) -> None:
    resource = SimpleData(location=location, meta=Metadata(name="M31"))
    with pytest.raises(Permanent, match="location of data resource M31"):
        await SimpleDataKind(SimpleDataConfig()).locate(resource)


async def test_a_refusal_holds_no_secret() -> None:
    resource = SimpleData(location="https://user:hidden@host\t/")
    with pytest.raises(Permanent) as caught:
        await SimpleDataKind(SimpleDataConfig()).locate(resource)
    assert "hidden" not in str(caught.value)


def test_it_is_found_by_its_entry_point() -> None:
    assert registry.plugin("data_kinds", "simple") is SimpleDataKind
