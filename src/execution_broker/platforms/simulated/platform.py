"""The simulated platform: a place that is all configuration. Plugin of the port `Platform`."""

import asyncio
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.amounts import CORES, MEMORY
from execution_broker.domain.capability import Capability, ExecutableSupport
from execution_broker.domain.demand import COMPUTE, EXECUTABLE
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.patterns import matches_any
from execution_broker.domain.simulation import locations
from execution_broker.models import kinds
from execution_broker.models.executable import Executable
from execution_broker.models.execution import Connector
from execution_broker.models.kinds import short
from execution_broker.models.message import Message
from execution_broker.models.resources import Data
from execution_broker.platforms.simulated.checking import require_sound
from execution_broker.platforms.simulated.config import Delay, Failure, SimulatedConfig
from execution_broker.platforms.simulated.dice import Dice
from execution_broker.platforms.simulated.results import keep
from execution_broker.platforms.simulated.wishes import is_interactive, wishes_of
from execution_broker.platforms.simulated.world import Run, World
from execution_broker.ports.platform import (
    Collected,
    Done,
    Holding,
    Life,
    NotYet,
    Observation,
    Order,
    Outcome,
    PlatformContext,
    StreamPart,
)

_SIMULATED: Final = "it was simulated to"
_CONTAINER: Final = frozenset({"command", "entrypoint", "environment", "privileged", "network"})
_NOTEBOOK: Final = frozenset({"parameters", "requirements", "checks", "replace"})
_EXECUTABLES: Final = (
    ExecutableSupport(kind=kinds.DOCKER_CONTAINER, features=_CONTAINER),
    ExecutableSupport(kind=kinds.SINGULARITY_CONTAINER),
    ExecutableSupport(
        kind=kinds.JUPYTER_NOTEBOOK, modes=("BATCH", "INTERACTIVE"), features=_NOTEBOOK
    ),
)
_DATA: Final = (
    kinds.SIMPLE_DATA,
    kinds.S3_DATA,
    kinds.RUCIO_DATA,
    kinds.IVOA_DATA,
    kinds.SKAO_DATA,
)


class SimulatedPlatform:
    """Runs nothing, and says of everything what its configuration makes of it. Its time is the
    broker's, which is the same for all who take part in a world."""

    Config: ClassVar[type[msgspec.Struct]] = SimulatedConfig

    def __init__(self, name: str, config: SimulatedConfig, context: PlatformContext) -> None:
        self._name = name
        self._config = config
        self._results = context.results
        require_sound(name, config)
        file = Path(config.world) if config.world else context.directory / "world.sqlite"
        self._world = World(file, f"{context.instance}/{name}")

    async def report(self) -> Capability:
        await self._answer("report")
        config = self._config
        return Capability(
            capacity=dict(config.capacity),
            executables=tuple(e for e in _EXECUTABLES if short(e.kind) in config.executables),
            compute=frozenset({kinds.SIMPLE_COMPUTE}),
            storage=frozenset({kinds.SIMPLE_STORAGE}),
            volumes=frozenset({kinds.SIMPLE_VOLUME}),
            data=frozenset(kind for kind in _DATA if short(kind) in config.data),
            limits=config.limits,
            flavours=config.flavours,
            timings=config.timings,
            staged=config.cached_data,
            images=config.cached_images,
            outputs=config.outputs,
            retention=config.retention,
            changeable=config.changeable - ({CORES, MEMORY} if config.flavours else set()),
            simulates=config.takes,
            description=config.description,
        )

    async def prepare_storage(self, order: Order) -> Outcome:
        return await self._make(order, "prepare_storage")

    async def prepare_data(self, order: Order) -> Outcome:
        checks = order.component.checks if isinstance(order.component, Data) else None
        if checks and (checks.sha256 or "").lower() in self._config.cached_data:
            return await self._make(order, "prepare_data", 0.0)
        size = (checks and checks.size) or 0
        transfer = size / self._config.bandwidth if self._config.bandwidth else 0.0
        return await self._make(order, "prepare_data", more=transfer)

    async def prepare_executable(self, order: Order) -> Outcome:
        executable = _executable_of(order)
        wishes_of(executable)
        images = self._config.cached_images
        if any(matches_any(images, location) for location in locations(executable)):
            return await self._make(order, "prepare_executable", 0.0)
        return await self._make(order, "prepare_executable")

    async def prepare_compute(self, order: Order) -> Outcome:
        made = await self._make(order, "prepare_compute")
        if isinstance(made, NotYet) or not is_interactive(_executable_of(order)):
            return made
        return Done(handle=made.handle, connectors=self._opened(order.session))

    async def start(self, order: Order) -> Outcome:
        """Takes its delay first: what runs, runs from then on."""
        await self._answer("start", order)
        if not self._world.has(order.session, COMPUTE):
            raise Permanent(messages.LOST(hint="What was prepared for it is gone."))
        now = order.now.timestamp()
        begins = now + self._dice(order.session, "start").seconds(self._config.delays.start)
        run = self._world.start(order.session, self._planned(order, begins))
        return Done() if run.started <= now else NotYet(seconds=run.started - now)

    async def watch(self, order: Order, seen: Mapping[str, int]) -> Observation:
        await self._answer("watch", order)
        run, now = self._world.run(order.session), order.now.timestamp()
        if run is None or run.is_lost:
            return Observation(life=Life.LOST)
        if run.ends is None or now < run.ends:
            left = None if run.ends is None else run.ends - now
            streams = _new(_begun(order), seen)
            return Observation(life=Life.RUNNING, seconds=left, streams=streams)
        streams = _new(_begun(order) + _ended(run), seen)
        if run.status == 0:
            return Observation(life=Life.SUCCEEDED, status=0, streams=streams)
        why = messages.EXIT_STATUS(status=run.status, hint="It was simulated to.")
        return Observation(life=Life.FAILED, status=run.status, messages=(why,), streams=streams)

    async def collect(self, order: Order, seen: Mapping[str, int]) -> Collected:
        await self._answer("collect", order)
        run = self._world.run(order.session)
        if run is None or run.is_lost:
            return Collected()
        kept = Collected()
        if self._config.results:
            directory = self._results / str(order.session)
            kept = await asyncio.to_thread(keep, directory, self._config.results, order.outputs)
        is_over = run.ends is not None and run.ends <= order.now.timestamp()
        text = _begun(order) + (_ended(run) if is_over else "")
        return msgspec.structs.replace(kept, streams=_new(text, seen))

    async def release_compute(self, order: Order) -> Outcome:
        removed = await self._remove(order, "release_compute")
        if isinstance(removed, NotYet) or not is_interactive(_executable_of(order)):
            return removed
        return Done(connectors=self._closed())

    async def release_executable(self, order: Order) -> Outcome:
        removed = await self._remove(order, "release_executable")
        if isinstance(removed, Done):
            self._world.end_run(order.session)
        return removed

    async def release_data(self, order: Order) -> Outcome:
        return await self._remove(order, "release_data")

    async def release_storage(self, order: Order) -> Outcome:
        return await self._remove(order, "release_storage")

    async def holdings(self) -> Sequence[Holding]:
        self._require_up("holdings")
        return [Holding(session, str(session)) for session in self._world.sessions()]

    async def destroy(self, holding: Holding) -> None:
        self._require_up("destroy")
        self._world.destroy(holding.session)

    async def forget_results(self, session: UUID) -> None:
        await asyncio.to_thread(shutil.rmtree, self._results / str(session), ignore_errors=True)

    async def close(self) -> None:
        self._world.close()

    async def _make(
        self, order: Order, operation: str, delay: Delay | None = None, more: float = 0.0
    ) -> Outcome:
        """`delay`: other than configured; `more` seconds come on top of it."""
        await self._answer(operation, order)
        if delay is None:
            delay = getattr(self._config.delays, operation)
        now = order.now.timestamp()
        takes = self._dice(order.session, operation, order.key).seconds(delay) + more
        ready = self._world.make(order.session, order.key, order.name, now + takes)
        return Done(handle=order.name) if ready <= now else NotYet(seconds=ready - now)

    async def _remove(self, order: Order, operation: str) -> Outcome:
        await self._answer(operation, order)
        delay: Delay = getattr(self._config.delays, operation)
        takes = self._dice(order.session, operation, order.key).seconds(delay)
        left = self._world.remove(order.session, order.key, order.now.timestamp(), takes)
        return NotYet(seconds=left) if left > 0 else Done()

    async def _answer(self, operation: str, order: Order | None = None) -> None:
        """What comes before every answer: the way here, and whatever goes wrong."""
        session = order.session if order else None
        what = f"{operation} {order.key}" if order else operation
        latency = self._dice(session, "latency", what).seconds(self._config.delays.latency)
        if latency:
            await asyncio.sleep(latency)
        self._require_up(operation)
        failure: Failure = getattr(self._config.failures, operation)
        if failure.fatal and self._dice(session, "fatal", what).happens(failure.fatal):
            raise Permanent(self._fault(operation, _SIMULATED))
        if failure.transient:
            attempt = self._world.count_attempt(session, what)
            if self._dice(session, "transient", what, attempt).happens(failure.transient):
                raise Transient(self._fault(operation, _SIMULATED))

    def _require_up(self, operation: str) -> None:
        if self._world.is_down():
            raise Transient(self._fault(operation, "the platform is down"))

    def _fault(self, operation: str, reason: str) -> Message:
        what = f"{operation.replace('_', ' ').capitalize()} on {self._name}"
        return messages.PLATFORM_FAILED(what=what, reason=reason)

    def _planned(self, order: Order, begins: float) -> Run:
        """How the executable will run."""
        executable = _executable_of(order)
        wishes, dice = wishes_of(executable), self._dice(order.session, EXECUTABLE)
        status = wishes.status
        if status is None:
            status = 1 if dice.happens(self._config.failures.run) else 0
        seconds = wishes.seconds
        if seconds is None:
            seconds = math.inf if is_interactive(executable) else dice.seconds(self._config.run)
        return Run(begins, None if math.isinf(seconds) else begins + seconds, status, is_lost=False)

    def _opened(self, session: UUID) -> tuple[Connector, ...]:
        token = self._dice(session, "token").digest
        return tuple(
            Connector(
                kind=one.kind,
                status="AVAILABLE",
                protocol=one.protocol,
                location=one.location.replace("{session}", str(session)).replace("{token}", token),
            )
            for one in self._config.connectors
        )

    def _closed(self) -> tuple[Connector, ...]:
        return tuple(
            Connector(kind=one.kind, status="FINISHED", protocol=one.protocol)
            for one in self._config.connectors
        )

    def _dice(self, session: UUID | None, *what: object) -> Dice:
        return Dice(self._config.seed, self._name, session, *what)


def _executable_of(order: Order) -> Executable:
    assert order.document.executable is not None
    return order.document.executable


def _begun(order: Order) -> str:
    return f"Session {order.session} is simulated.\n"


def _ended(run: Run) -> str:
    return f"It ended with status {run.status}.\n"


def _new(text: str, seen: Mapping[str, int]) -> tuple[StreamPart, ...]:
    """What of this text on stdout is not known yet."""
    offset = seen.get("stdout", 0)
    new = text.encode()[offset:]
    return (StreamPart("stdout", offset, new),) if new else ()
