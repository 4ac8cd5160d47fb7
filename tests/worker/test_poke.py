"""A poke: what waits to look or to try again does so now, and no promise is touched."""

from pathlib import Path

from execution_broker.domain.plan import TIMERS, StepKind
from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until

_FAR = 10**6
"""Seconds that a step of these tests is put off: nobody waits for it."""


async def waiting(made: Broker) -> dict[str, bool]:
    """Whether each kind of READY step waits, by its word."""
    rows = await made.rows("SELECT kind, due_at, free_at FROM step WHERE phase = 'READY'")
    now = await made.database.read(lambda connection: connection.clock())
    micros = int(now.timestamp() * 1_000_000)
    return {
        StepKind(kind).word: (due > micros if isinstance(due, int) else due > now)
        for kind, due, _ in rows
    }


async def put_off(made: Broker, kind: StepKind, failures: int) -> None:
    now = await made.database.read(lambda connection: connection.clock())
    at = int(now.timestamp() + _FAR) * 1_000_000
    far = str(at) if made.is_embedded() else f"to_timestamp({at // 1_000_000})"
    await made.rows_changed(
        f"UPDATE step SET due_at = {far}, free_at = {far}, failures = {failures} "
        f"WHERE kind = '{kind.value}' AND phase = 'READY'"
    )


async def test_timers_stay_where_they_are(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        await made.run(alice, request(start="2099-01-01T00:00:00Z/2099-01-02T00:00:00Z"))
        await put_off(made, StepKind.BEGIN, failures=0)
        assert await made.services.status.poke() == 0
        assert (await waiting(made))["begin"]
        await put_off(made, StepKind.BEGIN, failures=1)
        assert await made.services.status.poke() == 1
        assert not (await waiting(made))["begin"]


async def test_upkeep_and_polls_look_now_and_a_running_session_goes_on(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        async with working(made):
            uuid = await made.run(alice, request(script={"run": "forever"}))

            async def is_running() -> bool:
                return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

            await until(is_running)
        for kind in (StepKind.WATCH, StepKind.SWEEP, StepKind.PURGE):
            await put_off(made, kind, failures=0)
        assert await made.services.status.poke() >= 3
        found = await waiting(made)
        assert {word for word, waits in found.items() if waits} == {StepKind.END.word}
        assert StepKind.END in TIMERS
        async with working(made):

            async def has_swept() -> bool:
                return (await waiting(made)).get(StepKind.SWEEP.word, False)

            await until(has_swept)
        assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
