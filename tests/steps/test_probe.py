"""A look at a source, as a worker takes it."""

import gzip
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from execution_broker.data.http import HttpConfig, HttpTransfer
from execution_broker.domain.demand import Lookup
from execution_broker.domain.errors import Permanent
from execution_broker.domain.notebooks import Traits
from execution_broker.domain.plan import StepKind
from execution_broker.domain.probing import Question
from execution_broker.models.resources import S3Data
from execution_broker.models.secrets import Hiding
from execution_broker.steps.probe import Probe
from execution_broker.steps.secrets import Opening
from execution_broker.steps.sources import Pace
from execution_broker.storage.records import LeasedStep
from execution_broker.testing.website import answering, website
from tests.harness.keys import ring


async def look(question: Question, http: HttpTransfer | None = None) -> Lookup:
    step = LeasedStep(
        id=1,
        uuid=uuid4(),
        session=None,
        platform=None,
        kind=StepKind.PROBE,
        key="probe:x",
        component=None,
        attempt=1,
        failures=0,
        lapses=0,
        delays=0,
        payload=msgspec.to_builtins(question),
        due=datetime.now(UTC),
    )
    transfers = {} if http is None else {"http": http}
    return await Probe({}, transfers, Pace(), Opening(ring(), Hiding())).act(step)


async def test_what_no_plugin_here_locates_is_found_unknown_at_once() -> None:
    """Another host may have asked, which has a plugin for it."""
    assert await look(Question(resource=S3Data(bucket="stars"))) == Lookup()


async def test_what_no_transfer_here_reads_cannot_be_had() -> None:
    with pytest.raises(Permanent, match="no transfer reads gopher addresses"):
        await look(Question(location="gopher://example.org/a.ipynb"))


NOTEBOOK = b'{"nbformat": 4, "metadata": {"kernelspec": {"name": "ir"}}, "cells": []}'


@pytest.mark.parametrize(
    ("coding", "content", "expected"),
    [
        ("", NOTEBOOK, Traits("R")),
        ("gzip", gzip.compress(NOTEBOOK), Traits("R")),
        ("gzip", NOTEBOOK, None),
        ("gzip", gzip.compress(NOTEBOOK)[:-9], None),
        ("gzip", gzip.compress(NOTEBOOK + bytes(32 << 20)), None),
        ("br", NOTEBOOK, None),
    ],
    ids=["plain", "encoded", "not encoded", "cut off", "bomb", "encoded otherwise"],
)
async def test_a_notebook_that_came_encoded_is_read_if_it_can_be(
    coding: str, content: bytes, expected: Traits | None
) -> None:
    http = HttpTransfer(HttpConfig(allow=("127.0.0.1",)))
    async with website() as site:
        site.routes["/a"] = answering(200, content, Content_Encoding=coding)
        asked = Question(location=site.url("/a"), is_read=True)
        assert await look(asked, http) == Lookup(notebook=expected)
    await http.close()


async def test_the_length_of_what_is_encoded_is_not_the_size_of_the_file() -> None:
    http = HttpTransfer(HttpConfig(allow=("127.0.0.1",)))
    async with website() as site:
        for path in ("/a.fits", "/a.fits.gz"):
            site.routes[path] = answering(200, b"x" * 100, Content_Encoding="gzip")
        sizes = [(await look(Question(location=site.url(path)), http)).size for path in site.routes]
    assert sizes == [None, 100]
    await http.close()
