"""The queue: steps, what they wait for, and who has leased them (S1-S7)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from execution_broker.domain.lifecycle import StepPhase, move_step
from execution_broker.domain.measures import Measure
from execution_broker.domain.plan import RELEASES, TIMERS, StepKind
from execution_broker.domain.waking import Needs
from execution_broker.storage import waking
from execution_broker.storage.database import Connection, Glance, Part, Row
from execution_broker.storage.documents import decode, encode
from execution_broker.storage.records import Attempt, LeasedStep

_BY_DUE: Final = attrgetter("due", "id")
_KINDS: Final = {kind.value: kind for kind in StepKind}


class NewStep(NamedTuple):
    """A step to be stored. `needs` and `after` are keys of other new steps of the same call."""

    uuid: UUID
    kind: StepKind
    key: str
    component: str | None
    phase: StepPhase
    due: datetime
    needs: Sequence[str] = ()
    after: Sequence[str] = ()


class Lease(NamedTuple):
    """What a processor asks for: steps of these kinds and platforms, for so long."""

    processor: UUID
    kinds: Collection[StepKind]
    platforms: Collection[int]
    limit: int
    lasts: timedelta


class Ended(NamedTuple):
    """A step that has ended. `result` as its kind left it."""

    phase: StepPhase
    result: Any
    ended: datetime


async def add(
    connection: Connection, session: int, platform: int, new: Sequence[NewStep], now: datetime
) -> None:
    """Store the steps of one session."""
    await add_all(connection, [(session, platform, new)], now)


async def add_all(
    connection: Connection,
    plans: Sequence[tuple[int, int, Sequence[NewStep]]],
    now: datetime,
) -> None:
    """Store the steps of many sessions, each with its platform."""
    await connection.many(*adding(connection, plans, now))


def adding(
    connection: Connection,
    plans: Sequence[tuple[int, int, Sequence[NewStep]]],
    now: datetime,
) -> Part:
    """What stores them, and wakes who may claim them."""
    if plans:
        connection.ring({step.kind for _, _, new in plans for step in new if _is_claimable(step)})
    return (
        "add_step",
        [
            {
                "uuid": step.uuid,
                "session": session,
                "platform": platform,
                "kind": step.kind,
                "key": step.key,
                "component": step.component,
                "phase": step.phase,
                "needs": encode(Needs(tuple(step.needs), tuple(step.after))),
                "due": step.due,
                "now": now,
            }
            for session, platform, new in plans
            for step in new
        ],
    )


async def add_unique(
    connection: Connection,
    *,
    uuid: UUID,
    kind: StepKind,
    key: str,
    platform: int | None,
    payload: Mapping[str, Any],
    due: datetime,
    now: datetime,
) -> None:
    """Store a step that exists once by its key; nothing happens if it is there already."""
    await connection.execute(
        "add_unique_step",
        uuid=uuid,
        kind=kind,
        key=key,
        platform=platform,
        payload=encode(payload),
        due=due,
        now=now,
    )
    connection.ring({kind})


async def claim(connection: Connection, lease: Lease) -> list[LeasedStep]:
    rows = await connection.rows(
        "claim_steps",
        processor=lease.processor,
        kinds=list(lease.kinds),
        platforms=list(lease.platforms),
        limit=lease.limit,
        lease=lease.lasts,
    )
    claimed = sorted(map(_step, rows), key=_BY_DUE)
    for step in claimed:
        waited = rows[0]["now_at"] - step.due
        connection.measure(Measure.CLAIM_LATENCY, step.kind.word, value=waited.total_seconds())
    return claimed


async def next_free(
    connection: Glance, kinds: Collection[StepKind], platforms: Collection[int]
) -> timedelta | None:
    """How long until the next step can be claimed; None if there is none."""
    row = await connection.row("next_free", kinds=list(kinds), platforms=list(platforms))
    if row is None or row["free_at"] is None:
        return None
    wait: timedelta = row["free_at"] - row["now_at"]
    return wait


async def renew(
    connection: Connection, processor: UUID, ids: Collection[int], until: datetime
) -> tuple[set[Attempt], set[int]]:
    """Of these steps: those that the processor still has, each with the attempt that has it, and
    those whose session has ended meanwhile."""
    kept = await connection.rows("renew_leases", processor=processor, ids=sorted(ids), until=until)
    overtaken = await connection.rows("overtaken_steps", ids=sorted(ids), releases=list(RELEASES))
    return {(row["id"], row["attempt"]) for row in kept}, {row["id"] for row in overtaken}


async def claim_woken(
    connection: Connection,
    processor: UUID,
    ids: Collection[int],
    now: datetime,
    lasts: timedelta,
) -> list[LeasedStep]:
    """Lease steps of locked sessions that have woken and whose time has come: they need not become
    READY first."""
    rows = await connection.rows(
        "claim_woken", processor=processor, ids=sorted(ids), now=now, until=now + lasts
    )
    woken = [_step(row) for row in rows]
    for step in woken:
        connection.measure(Measure.CLAIM_LATENCY, step.kind.word, value=0)
    return woken


async def end(
    connection: Connection,
    step: LeasedStep,
    phase: StepPhase,
    result: object,
    now: datetime,
) -> None:
    """Give a running step its end phase and wake what waited only for it (S7). Who calls it holds
    the lock of its session."""
    phase = move_step(StepPhase.RUNNING, phase)
    if result is None:
        await connection.execute("end_step", id=step.id, phase=phase, now=now)
    else:
        document = encode(result)
        await connection.execute("end_step_with", id=step.id, phase=phase, result=document, now=now)
    connection.measure(Measure.STEPS_ENDED, step.kind.word, phase)
    if step.session is not None:
        await waking.wake(connection, [step.session], now)


async def put_back(
    connection: Connection,
    step: LeasedStep,
    due: datetime,
    *,
    failures: int,
    delays: int,
    payload: Mapping[str, Any] | None = None,
) -> None:
    await connection.execute(
        "put_back",
        id=step.id,
        due=due,
        failures=failures,
        delays=delays,
        payload=encode(step.payload if payload is None else payload),
    )
    connection.measure(Measure.STEPS_PUT_BACK, step.kind.word)
    connection.ring({step.kind})


async def poke(connection: Connection) -> int:
    """Let every READY step that waits to look or to try again do so now; how many there were.

    Timers stay: their time is a promise, and where there are many sessions they are many.
    """
    now = await connection.clock()
    number = await connection.execute("poke", now=now, timers=list(TIMERS))
    connection.ring()
    return number


async def empty(connection: Connection, step: LeasedStep) -> None:
    """Forget the payload of a step, which ends with this transaction."""
    await connection.execute("empty_step", id=step.id)


async def set_due(connection: Connection, session: int, kind: StepKind, due: datetime) -> None:
    await connection.execute("set_due", session=session, key=kind.word, due=due)


async def is_failing(connection: Connection, session: int, kind: StepKind) -> bool:
    """Whether a step of the session has failed and is to be tried again."""
    return await connection.row("failing_step", session=session, key=kind.word) is not None


async def cancel_unclaimed(connection: Connection, session: int, now: datetime) -> None:
    """Cancel every step but the releases that nobody works on."""
    await connection.execute(
        "cancel_unclaimed", sessions=[session], releases=list(RELEASES), now=now
    )


async def cancel_all(connection: Connection, session: int, now: datetime) -> None:
    """Cancel every step of a session that has not ended, whoever works on it: what it leads to is
    void, as if the lease was lost."""
    await connection.execute("cancel_all", session=session, now=now)


async def result_of(connection: Connection, key: str) -> Ended | None:
    """How a unique step ended; None while it has not."""
    row = await connection.row("step_result", key=key)
    if row is None or row["ended_at"] is None:
        return None
    return Ended(StepPhase(row["phase"]), decode(row["result"], object), row["ended_at"])


async def revive(
    connection: Connection, key: str, payload: Mapping[str, Any], now: datetime
) -> None:
    """Let a unique step that has ended run once more."""
    await connection.execute("revive", key=key, payload=encode(payload), now=now)
    connection.ring()


def _is_claimable(step: NewStep) -> bool:
    return step.phase is StepPhase.READY


def _step(row: Row) -> LeasedStep:
    payload: dict[str, Any] = decode(row["payload"], dict)
    return LeasedStep(
        id=row["id"],
        uuid=row["uuid"],
        session=row["session_id"],
        platform=row["platform_id"],
        kind=_KINDS[row["kind"]],
        key=row["key"],
        component=row["component"],
        attempt=row["attempt"],
        failures=row["failures"],
        lapses=row["lapses"],
        delays=row["delays"],
        payload=payload,
        due=row["due_at"],
    )
