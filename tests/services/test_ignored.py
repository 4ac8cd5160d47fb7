"""What of a request has no effect is told with every answer; a check that nobody makes is a NO."""

from pathlib import Path
from typing import Any

import pytest

from execution_broker.domain.messages import MORE_UNKNOWN, UNKNOWN_CHECK, UNKNOWN_PROPERTY
from execution_broker.formats import FORMATS, Format
from execution_broker.models.component import Metadata
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.ignored import MOST
from execution_broker.models.message import Message
from execution_broker.models.reading import read_request
from tests.harness.asking import request
from tests.harness.broker import broker

XML = (
    '<offers-request><executable kind="{kind}"><location>{location}</location><mode>BATCH</mode>'
    "<checks><size>10</size>{inner}</checks></executable><corez>8</corez></offers-request>"
)
OTHERS = (
    '{{"executable": {{"kind": "{kind}", "location": "{location}", "mode": "BATCH", '
    '"checks": {{"size": 10{inner}}}}}, "corez": 8}}'
)
NOWHERE = "http://127.0.0.1:1/notebook.ipynb"


def written(format_: Format, inner: str = "") -> Any:
    """A request with `corez` beside the executable, as it comes in each format."""
    kind = request()["executable"]["kind"]
    text = (XML if format_.name == "xml" else OTHERS).format(
        kind=kind, location=NOWHERE, inner=inner
    )
    return format_.read(text.encode(), ExecutionRequest)


def told(meta: Metadata | None) -> list[Message]:
    """The messages about what has no effect."""
    kinds = {one.kind for one in (UNKNOWN_PROPERTY, UNKNOWN_CHECK, MORE_UNKNOWN)}
    return [one for one in (meta.messages if meta else ()) if one.kind in kinds]


@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
async def test_every_offer_warns_of_what_has_no_effect(tmp_path: Path, format_: Format) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        answer = await made.ask(alice, written(format_))
        assert answer.result == "YES", answer.meta
        for offer in answer.offers:
            (warning,) = told(offer.meta)
            assert warning.level == "WARN"
            assert warning.message == (
                "corez is not known here and has no effect. Did you mean compute.cores?"
            )


@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
async def test_a_check_that_nobody_makes_is_a_no(tmp_path: Path, format_: Format) -> None:
    inner = "<sha1>0</sha1>" if format_.name == "xml" else ', "sha1": "0"'
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        answer = await made.ask(alice, written(format_, inner))
        assert answer.result == "NO"
        fault, warning = told(answer.meta)
        assert (fault.level, fault.values["place"]) == ("ERROR", "executable.checks.sha1")
        assert "size, md5, sha256, adler32" in (fault.message or "")
        assert (warning.level, warning.values["place"]) == ("WARN", "corez")


async def test_a_no_warns_whatever_it_is_for(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        too_much = {**request(cores=10_000), "teapot": 1}
        for body in (too_much, {"teapot": 1}, {"executable": {"kind": "urn:x"}, "teapot": 1}):
            answer = await made.ask(alice, body)
            assert answer.result == "NO"
            assert answer.meta is not None
            first, *_, last = answer.meta.messages
            assert (first.level, last.level) == ("ERROR", "WARN")
            assert [one.values["place"] for one in told(answer.meta)] == ["teapot"]


async def test_a_session_that_is_asked_for_directly_warns_too(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        for cores, phase in ((1, "ACCEPTED"), (10_000, "FAILED")):
            reading = read_request({**request(cores=cores), "teapot": 1})
            session = await made.services.sessions.direct(alice, reading, None)
            assert session.phase == phase
            assert [one.values["place"] for one in told(session.meta)] == ["teapot"]


async def test_there_are_not_more_warnings_than_anybody_reads(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        many = {f"{number}{'x' * 9_000}": 1 for number in range(100)}
        answer = await made.ask(alice, {**request(), **many})
        assert answer.result == "YES"
        warnings = told(answer.offers[0].meta)
        assert len(warnings) == MOST + 1
        assert warnings[-1].message == (
            f"{100 - MOST} more properties are not known here and have no effect."
        )
        assert max(len(one.message or "") for one in warnings) < 300
