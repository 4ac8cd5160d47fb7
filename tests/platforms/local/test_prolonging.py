"""How long a session of this machine may go on is changed while it runs: what supervises it hears
of it in time, or the session fails and says so. What stands for a notebook ends when let go."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict
from execution_broker.domain.identity import Caller
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import IntegerOption
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate, IntegerUpdate
from execution_broker.platforms.local.files import read_json
from execution_broker.platforms.local.launch import marks
from execution_broker.platforms.local.processes import kill_and_wait, marked
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until
from tests.platforms.local.stand_in import stand_in

DURATION = "schedule.available.duration"


@dataclass
class Scene:
    """A broker without a worker, and its one session."""

    made: Broker
    caller: Caller
    uuid: str
    directory: Path

    async def session(self) -> ExecutionSession:
        return await self.made.session(self.caller, self.uuid)

    async def phase(self) -> SessionPhase | None:
        return (await self.session()).phase

    async def runs(self) -> None:
        async def is_running() -> bool:
            return await self.phase() is SessionPhase.RUNNING

        await until(is_running)

    async def change(self, seconds: int) -> ExecutionSession:
        update = DeltaUpdate(DURATION, seconds, "s")
        return (
            await self.made.services.sessions.update(UUID(self.uuid), self.caller, update)
        ).session

    async def ends(self) -> float:
        ((ends,),) = await self.made.rows("SELECT ends_at FROM session WHERE uuid = ?", self.uuid)
        return float(ends) / 1e6

    def told(self) -> float:
        """The end that its shim knows of."""
        return float((read_json(self._control() / "deadline.json") or {})["ends"])

    def has_ended(self) -> bool:
        """Whether nothing of it runs any more, and its shim has said why."""
        return (self._control() / "exit.json").exists()

    def let_go(self) -> None:
        (self.directory / "held").unlink()

    def begun(self) -> int:
        return len((self.directory / "ran").read_text().splitlines())

    def _control(self) -> Path:
        (found,) = self.directory.glob("data/platforms/here/sessions/*/broker/*/control")
        return found


@asynccontextmanager
async def scene(directory: Path, seconds: int, overtime: float = 10) -> AsyncIterator[Scene]:
    python, notebook = stand_in(directory)
    (directory / "held").touch()
    platform = {
        "plugin": "local",
        "kernel_python": str(python),
        "grace": 0.2,
        "overtime": overtime,
        "timings": {"storage": 0, "executable_here": 0, "compute": 0},
    }
    request = {
        "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **notebook},
        "schedule": {"requested": {"duration": f"PT{seconds}S"}},
    }
    async with broker(
        directory / "data",
        platforms={"here": platform},
        transfers={"file": {"roots": [str(directory)]}},
        worker={"poll": 0.2, "lease": 5, "renewal": 1},
    ) as made:
        alice = await made.caller("alice")
        uuid = await made.run(alice, request)
        ((instance,),) = await made.rows("SELECT value FROM setting WHERE name = 'instance'")
        try:
            yield Scene(made, alice, uuid, directory)
        finally:
            assert kill_and_wait(lambda: marked(marks(UUID(instance), "here", None)), 10)


async def moment(when: float) -> None:
    """Let time pass until then."""
    await asyncio.sleep(max(0.0, when - time.time()))


async def is_true(condition: Callable[[], bool]) -> None:
    async def look() -> bool:
        return condition()

    await until(look)


def said(session: ExecutionSession) -> str:
    assert session.meta is not None
    return " ".join(message.message or "" for message in session.meta.messages)


async def completed(here: Scene) -> None:
    session = await here.made.ended(here.caller, here.uuid)
    assert session.phase is SessionPhase.COMPLETED, session
    assert here.begun() == 1


async def cut_off(here: Scene) -> None:
    session = await here.made.ended(here.caller, here.uuid)
    assert session.phase is SessionPhase.FAILED, session
    assert "Stopped at the end of its time" in said(session)
    assert here.begun() == 1


async def test_in_its_last_second_it_is_given_more(tmp_path: Path) -> None:
    """It goes on when the end it had before is long over for what supervises it."""
    async with scene(tmp_path, seconds=4, overtime=1) as here, working(here.made):
        await here.runs()
        before = await here.ends()
        await moment(before - 0.5)
        await here.change(3600)
        await moment(before + 2)
        assert here.told() == await here.ends() == before + 3600
        assert not here.has_ended()
        here.let_go()
        await completed(here)


async def test_it_is_given_more_again_and_again_and_then_less(tmp_path: Path) -> None:
    async with scene(tmp_path, seconds=600) as here, working(here.made):
        await here.runs()
        before = await here.ends()
        for _ in range(5):
            await here.change(60)
        await here.change(-120)
        await is_true(lambda: here.told() == before + 180)
        shortest = next(
            one.min
            for one in (await here.session()).meta.options  # type: ignore[union-attr]
            if isinstance(one, IntegerOption) and one.path == DURATION
        )
        assert shortest is not None
        least = IntegerUpdate(DURATION, shortest + 5, "s")
        await here.made.services.sessions.update(UUID(here.uuid), here.caller, least)
        await cut_off(here)
        assert time.time() < before


async def test_what_was_told_holds_also_when_no_worker_is_there(tmp_path: Path) -> None:
    """The broker is gone at the end that was, and at the one that is."""
    async with scene(tmp_path, seconds=3, overtime=0) as here:
        async with working(here.made):
            await here.runs()
            before = await here.ends()
            await here.change(4)
            await is_true(lambda: here.told() == before + 4)
        await moment(before + 1.5)
        assert not here.has_ended()
        await is_true(here.has_ended)
        assert time.time() >= before + 4
        async with working(here.made):
            await cut_off(here)


@pytest.mark.parametrize("overtime", [0, 600], ids=["too late", "in time"])
async def test_what_could_not_be_told_by_its_old_end(tmp_path: Path, overtime: float) -> None:
    async with scene(tmp_path, seconds=3, overtime=overtime) as here:
        async with working(here.made):
            await here.runs()
        before = await here.ends()
        longer = await here.change(3600)
        assert longer.schedule is not None
        await moment(before + 1)
        if overtime:
            async with working(here.made):
                await is_true(lambda: here.told() == before + 3600)
                here.let_go()
                await completed(here)
            return
        await is_true(here.has_ended)
        async with working(here.made):
            session = await here.made.ended(here.caller, here.uuid)
        assert session.phase is SessionPhase.FAILED
        assert "nobody told the platform in time" in said(session)
        assert here.begun() == 1


async def test_what_is_over_stays_so(tmp_path: Path) -> None:
    async with scene(tmp_path, seconds=2) as here:
        async with working(here.made):
            await here.runs()
        await moment(await here.ends())
        with pytest.raises(Conflict, match="cannot be changed"):
            await here.change(3600)
        assert not here.has_ended()
        async with working(here.made):
            await cut_off(here)
