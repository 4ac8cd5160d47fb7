"""What the fake broker says: offers, sessions in a phase, refusals."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from starlette.responses import JSONResponse, Response

from execution_broker.domain import messages
from execution_broker.domain.iso8601 import write_instant, write_interval
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metadata, Metric
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.extensions import Problem
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.models.resources import Range, SimpleCompute, SimpleData
from execution_broker.models.schedule import InstantSpan, IntervalSpan, Schedule


def offer(
    executable: Any, cores: int, hour: float, phase: SessionPhase, early: timedelta = timedelta()
) -> ExecutionSession:
    """An offer that starts in so many hours, or so much earlier, or an accepted session."""
    now = datetime.now(UTC).replace(microsecond=0)
    start = now + timedelta(hours=hour)
    notebook = executable or JupyterNotebook(location="https://example.org/fit.ipynb")
    window = write_interval(start - early, start + timedelta(minutes=30))
    end = write_instant(start + timedelta(hours=2))
    return ExecutionSession(
        meta=Metadata(uuid=str(uuid4()), created=now, modified=now),
        phase=phase,
        expires=now + timedelta(minutes=5) if phase is SessionPhase.OFFERED else None,
        executable=msgspec.structs.replace(notebook, phase=ComponentPhase.INITIALIZING),
        compute=SimpleCompute(
            phase=ComponentPhase.INITIALIZING,
            cores=Range(min=cores, max=cores),
            memory=Range(min=1),
        ),
        data=(SimpleData(meta=Metadata(name="cat.fits"), phase=ComponentPhase.INITIALIZING),),
        schedule=Schedule(
            available=IntervalSpan(start=window, duration="PT2H"),
            releasing=InstantSpan(start=end, duration="PT1M"),
        ),
        costs=(Cost(type=kinds.COST_MONETARY, min=0.1, max=0.12),),
        metrics=(Metric(type=kinds.METRIC_COMPUTE, min=2.0, max=2.0),),
    )


def in_phase(session: ExecutionSession, phase: SessionPhase) -> ExecutionSession:
    """The session in this phase, its components along with it; data with progress."""
    names = {p.value for p in ComponentPhase}
    part = ComponentPhase(phase.value) if phase.value in names else ComponentPhase.WAITING
    said: tuple[Message, ...] = ()
    if phase is SessionPhase.PREPARING:
        said = (messages.PROGRESS(done=1024, total=4096, units="bytes"),)
    if phase is SessionPhase.FAILED:
        said = (messages.SOURCE_FAILED(location="https://example.org/cat.fits", reason="gone"),)
    data = tuple(
        msgspec.structs.replace(
            d, phase=part, meta=msgspec.structs.replace(d.meta or Metadata(), messages=said)
        )
        for d in session.data
    )
    assert session.executable is not None
    assert session.compute is not None
    return msgspec.structs.replace(
        session,
        phase=phase,
        data=data,
        executable=msgspec.structs.replace(session.executable, phase=part),
        compute=msgspec.structs.replace(session.compute, phase=part),
    )


def no(*reasons: Message) -> OfferSetResponse:
    return OfferSetResponse(meta=Metadata(uuid=str(uuid4()), messages=reasons), result="NO")


def held_until(until: datetime) -> tuple[Message, ...]:
    """That unanswered offers hold an earlier start until then; nothing from then on."""
    if datetime.now(UTC) >= until:
        return ()
    then = f"{until:%Y-%m-%dT%H:%M:%SZ}"
    remedy = "They are not yours. Ask again then."
    return (messages.HELD(platform="local", start=then, until=then, remedy=remedy, whose="others"),)


def full() -> Message:
    return messages.NO_CAPACITY(platform="local", start="now", end="then", hint="")


def wire(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def problem(
    status: int,
    detail: str,
    remedy: str | None = None,
    headers: dict[str, str] | None = None,
    faults: Any = (),
) -> Response:
    made = Problem(type="about:blank", title="Problem", status=status, detail=detail, remedy=remedy)
    values = {**msgspec.to_builtins(made), "faults": list(faults)}
    return JSONResponse(values, status, headers, media_type="application/problem+json")


def unauthenticated() -> Response:
    challenge = {"WWW-Authenticate": 'Basic realm="broker"'}
    return problem(401, "User name or password are not right.", headers=challenge)


def not_found(what: str) -> Response:
    return problem(404, f"There is no such {what}.")
