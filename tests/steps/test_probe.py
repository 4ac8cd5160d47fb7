"""A look at a source, as a worker takes it."""

import pytest

from execution_broker.domain.demand import Lookup
from execution_broker.domain.errors import Permanent
from execution_broker.domain.probing import Question
from execution_broker.models.resources import S3Data
from execution_broker.steps.probe import Probe
from execution_broker.steps.sources import Pace


async def test_what_no_plugin_here_locates_is_found_unknown_at_once() -> None:
    """Another host may have asked, which has a plugin for it."""
    assert await Probe({}, {}, Pace()).act(Question(resource=S3Data(bucket="stars"))) == Lookup()


async def test_what_no_transfer_here_reads_cannot_be_had() -> None:
    with pytest.raises(Permanent, match="no transfer reads gopher addresses"):
        await Probe({}, {}, Pace()).act(Question(location="gopher://example.org/a.ipynb"))
