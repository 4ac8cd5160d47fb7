"""What brokers are asked for, and what their answers are called."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from execution_broker.domain.iso8601 import read_duration, read_instant, read_interval
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionSession, OfferSetResponse


def uuid_of(session: ExecutionSession) -> str:
    assert session.meta is not None
    assert session.meta.uuid is not None
    return session.meta.uuid


def starts(session: ExecutionSession) -> tuple[datetime, datetime]:
    """The half-open interval in which it may start."""
    assert session.schedule is not None
    assert session.schedule.available is not None
    assert session.schedule.available.start is not None
    start, end = read_interval(session.schedule.available.start, datetime.now(UTC))
    assert end is not None
    return start, end


def planned_start(session: ExecutionSession) -> datetime:
    """What is booked for it begins with this one, and its end is planned on it."""
    assert session.schedule is not None
    assert session.schedule.available is not None
    assert session.schedule.releasing is not None
    end = read_instant(str(session.schedule.releasing.start))
    return end - read_duration(str(session.schedule.available.duration))


def first_start(answer: OfferSetResponse) -> datetime:
    """The first planned one."""
    return min(map(planned_start, answer.offers))


def request(
    *,
    cores: int = 1,
    duration: str = "PT1H",
    start: str | None = None,
    script: Mapping[str, str] | None = None,
    storage: int | None = None,
) -> dict[str, Any]:
    """A notebook request whose sizes are all known, so that nothing has to be looked up."""
    checks = {"size": 10, "sha256": "0" * 64}
    body: dict[str, Any] = {
        "executable": {
            "kind": kinds.JUPYTER_NOTEBOOK,
            "location": "http://127.0.0.1:1/notebook.ipynb",
            "mode": "BATCH",
            "parameters": {"script": dict(script or {})},
            "checks": dict(checks),
        },
        "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": cores}, "memory": {"min": 1}},
        "data": [
            {
                "kind": kinds.SIMPLE_DATA,
                "meta": {"name": "series"},
                "location": "http://127.0.0.1:1/series.dat",
                "checks": dict(checks),
            }
        ],
        "schedule": {"requested": {"duration": duration}},
    }
    if start is not None:
        body["schedule"]["requested"]["start"] = start
    if storage is not None:
        body["storage"] = [
            {"kind": kinds.SIMPLE_STORAGE, "meta": {"name": "s"}, "size": {"min": storage}}
        ]
        body["data"][0]["storage"] = "s"
    return body
