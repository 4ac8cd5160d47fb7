"""Every way to write a schedule, through the interface: read as meant, served as published."""

import itertools
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import structlog

from execution_broker.api.app import create_app
from execution_broker.domain.identity import Role
from tests.harness.asking import request
from tests.harness.broker import broker

_INSTANT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
_DURATION: Final = r"P(?=\d|T\d)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
INTERVAL: Final = re.compile(f"{_INSTANT}/({_INSTANT}|{_DURATION})")
DURATION: Final = re.compile(_DURATION)

MIDNIGHT: Final = (datetime.now(UTC) + timedelta(days=1)).replace(
    hour=0, minute=0, second=0, microsecond=0
)
"""Tomorrow, so that every window lies ahead."""

BEGIN: Final = MIDNIGHT + timedelta(hours=6)
END: Final = BEGIN + timedelta(hours=4)
PLAIN: Final = "%Y-%m-%dT%H:%M:%S"

WINDOWS: Final = {
    f"{BEGIN:{PLAIN}}Z/{END:{PLAIN}}Z": (BEGIN, END),
    f"{BEGIN:{PLAIN}}/{END:{PLAIN}}": (BEGIN, END),
    f"{BEGIN:%Y-%m-%dT%H:%M}Z/{END:%Y-%m-%dT%H:%M}Z": (BEGIN, END),
    f"{BEGIN + timedelta(hours=2):{PLAIN}}+02:00/{END - timedelta(hours=5):{PLAIN}}-05:00": (
        BEGIN,
        END,
    ),
    f"{BEGIN:{PLAIN}}.000Z/{END:{PLAIN}}.500Z": (BEGIN, END + timedelta(seconds=1)),
    f"{BEGIN:{PLAIN}}Z/PT4H": (BEGIN, END),
    f"PT4H/{END:{PLAIN}}Z": (BEGIN, END),
    f"{BEGIN:{PLAIN}}Z/PT14400.0S": (BEGIN, END),
    f"{BEGIN:{PLAIN}}Z/..": (BEGIN, BEGIN + timedelta(days=2)),
    f"../{END:{PLAIN}}Z": (datetime.now(UTC) - timedelta(minutes=1), END),
    f"{MIDNIGHT:%Y-%m-%d}/{MIDNIGHT + timedelta(days=1):%Y-%m-%d}": (
        MIDNIGHT,
        MIDNIGHT + timedelta(days=1),
    ),
    f"{MIDNIGHT:%Y-%m-%d}/P1D": (MIDNIGHT, MIDNIGHT + timedelta(days=1)),
    f"{MIDNIGHT:%Y-%m-%d}/P1W": (MIDNIGHT, MIDNIGHT + timedelta(weeks=1)),
}
LENGTHS: Final = {
    "PT30M": 1800,
    "PT1800S": 1800,
    "PT1800.5S": 1801,
    "PT0H30M": 1800,
    "P0DT30M": 1800,
    "P1D": 86400,
    "P1DT12H": 129600,
    "P1W": 7 * 86400,
    "P1W2D": 9 * 86400,
}
REFUSED: Final = (
    *({"duration": text} for text in ("P1M", "P1Y", "-PT1H", "PT0S", "P", "1 hour", "")),
    *({"start": text} for text in ("2020-01-01/2020-01-02", "soon", "PT1H/PT2H")),
    {"start": f"{END:{PLAIN}}Z/{BEGIN:{PLAIN}}Z"},
)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    quick = {"probe_wait": 0, "requests_per_minute": 100_000}
    places = {"here": {"plugin": "scripted", "cores": 100_000, "memory": 100_000}}
    async with broker(tmp_path, negotiation=quick, platforms=places) as made:
        await made.services.identities.add("root", "root-password", Role.ADMINISTRATOR)
        app = create_app(made.services, made.settings.http, structlog.get_logger())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        auth = ("root", "root-password")
        async with httpx.AsyncClient(
            transport=transport, base_url="http://broker.test", auth=auth
        ) as client:
            yield client


async def _ask(client: httpx.AsyncClient, schedule: dict[str, str]) -> dict[str, Any]:
    body = {**request(), "data": [], "schedule": {"requested": schedule}}
    answer = await client.post("/requests", json=body)
    assert answer.status_code == 303, (schedule, answer.text)
    offered: dict[str, Any] = answer.json()
    return offered


async def test_every_way_to_write_a_window_and_a_length(client: httpx.AsyncClient) -> None:
    for (window, (begin, end)), (length, seconds) in itertools.product(
        WINDOWS.items(), LENGTHS.items()
    ):
        offered = await _ask(client, {"start": window, "duration": length})
        assert offered["result"] == "YES", (window, length, offered["meta"]["messages"])
        for offer in offered["offers"]:
            available = offer["schedule"]["available"]
            assert INTERVAL.fullmatch(available["start"]), available
            assert DURATION.fullmatch(available["duration"]), available
            start = datetime.fromisoformat(available["start"].partition("/")[0])
            assert begin <= start < end, (window, available)
            assert _seconds(available["duration"]) >= seconds, (length, available)


async def test_what_cannot_be_is_a_no_that_says_why(client: httpx.AsyncClient) -> None:
    for schedule in REFUSED:
        offered = await _ask(client, schedule)
        assert offered["result"] == "NO", schedule
        assert any(one["level"] == "ERROR" for one in offered["meta"]["messages"]), schedule


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration)
    assert found is not None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
