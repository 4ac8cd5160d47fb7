"""The platform starlab: what the broker asks, said to the place.

Every method may be called again after it was cut off anywhere, also from another machine: each
first looks for what an earlier call made. Nothing is kept in memory. `Permanent` ends the session,
`Transient` is tried again, `NotYet` is asked again.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar
from uuid import UUID

import msgspec
from execution_broker.domain import messages
from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE
from execution_broker.domain.capability import Capability, ExecutableSupport, Price
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models import kinds
from execution_broker.models.executable import DockerContainer
from execution_broker.models.resources import DataBase
from execution_broker.ports.data import Access, Present
from execution_broker.ports.platform import (
    Collected,
    Done,
    Holding,
    Kept,
    Life,
    Observation,
    Order,
    Outcome,
    PlatformContext,
    StreamPart,
)

from execution_broker_starlab.place import Place, State

T = TypeVar("T")
Positive = Annotated[int, msgspec.Meta(gt=0)]

_LIVES = {
    State.RUNNING: Life.RUNNING,
    State.SUCCEEDED: Life.SUCCEEDED,
    State.FAILED: Life.FAILED,
}


class PlatformConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`cores`, `memory` (GiB) and `storage` (GiB): what is offered in all. `outputs`: MiB that are
    kept of each session, for `retention` seconds. `price`: monetary, for a core and hour."""

    cores: Positive = 8
    memory: Positive = 32
    storage: Positive = 100
    outputs: Positive = 16
    outputs_capacity: Positive = 1600
    retention: Positive = 86400
    price: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class StarlabPlatform:
    """Sessions on starlab."""

    Config: ClassVar[type[msgspec.Struct]] = PlatformConfig

    def __init__(self, name: str, config: PlatformConfig, context: PlatformContext) -> None:
        self._name = name
        self._config = config
        self._results = context.results
        self._kinds = context.data_kinds
        self._schemes = frozenset(context.transfers)
        self._place = Place(context.directory)

    async def report(self) -> Capability:
        """What can be had here. An offer promises no more than this says."""
        config = self._config
        return Capability(
            capacity={
                CORES: config.cores,
                MEMORY: config.memory,
                STORAGE: config.storage,
                OUTPUTS: config.outputs_capacity,
            },
            executables=(
                ExecutableSupport(
                    kind=kinds.DOCKER_CONTAINER, features=frozenset({"command", "entrypoint"})
                ),
            ),
            compute=frozenset({kinds.SIMPLE_COMPUTE}),
            storage=frozenset({kinds.SIMPLE_STORAGE}),
            data=frozenset(self._kinds),
            schemes=self._schemes,
            prices=(Price(type=kinds.COST_MONETARY, per_core_hour=config.price),),
            outputs=config.outputs,
            retention=config.retention,
            description="starlab",
        )

    async def prepare_storage(self, order: Order) -> Outcome:
        home = await self._call("Making the storage", lambda: self._place.make(order.session))
        return Done(handle=str(home))

    async def prepare_data(self, order: Order) -> Outcome:
        """Where the bytes are says the kind of data; `stage.put` brings and verifies them, and
        keeps to what the storage is booked for."""
        resource = order.component
        assert isinstance(resource, DataBase)
        kind = self._kinds.get(str(resource.__struct_config__.tag))
        if kind is None:
            raise Permanent(
                messages.UNSUPPORTED_KIND(
                    platform=self._name,
                    place=order.key,
                    kind=resource.__struct_config__.tag,
                    known=", ".join(sorted(self._kinds)) or "none",
                )
            )
        source = await kind.locate(resource)
        home = await self._call("Making the storage", lambda: self._place.make(order.session))
        storage = home / "data" / str(resource.storage)
        staged = await order.stage.put(
            source,
            storage / source.name,
            present=Present.REPLACE if resource.replace else Present.REFUSE,
            access=Access.READ_WRITE,
            progress=order.progress,
            storage=storage,
        )
        return Done(handle=staged.path, messages=staged.messages)

    async def prepare_executable(self, order: Order) -> Outcome:
        """Replace this: pull the image."""
        return Done()

    async def prepare_compute(self, order: Order) -> Outcome:
        """Replace this: make ready, so that the start is quick."""
        return Done()

    async def start(self, order: Order) -> Outcome:
        container = order.document.executable
        assert isinstance(container, DockerContainer)
        entry = (container.entrypoint,) if container.entrypoint else ()
        command = (*entry, *container.command)
        await self._call("The start", lambda: self._place.submit(order.session, command))
        return Done()

    async def watch(self, order: Order, seen: Mapping[str, int]) -> Observation:
        job = await self._call("Watching", lambda: self._place.find(order.session))
        if job is None:
            lost = messages.LOST(hint="starlab does not know it.")
            return Observation(life=Life.LOST, messages=(lost,))
        known = seen.get("stdout", 0)
        new = job.printed[known:]
        streams = (StreamPart("stdout", known, new),) if new else ()
        if job.state is State.FAILED:
            failed = messages.EXIT_STATUS(status=1, hint="starlab says no more.")
            return Observation(life=Life.FAILED, status=1, messages=(failed,), streams=streams)
        return Observation(life=_LIVES[job.state], streams=streams)

    async def collect(self, order: Order, seen: Mapping[str, int]) -> Collected:
        """Keep the outputs as far as they were booked. They may have been kept already."""
        results = self._results / str(order.session)

        def collect() -> Collected:
            room = order.outputs << 20
            dropped = []
            for file in self._place.outputs(order.session):
                room -= file.stat().st_size
                if room < 0:
                    dropped.append(file.name)
                    continue
                results.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, results / file.name)
            too_large = messages.OUTPUTS_TOO_LARGE(limit=order.outputs, dropped=", ".join(dropped))
            kept = tuple(_kept(file) for file in sorted(results.glob("*")))
            return Collected(outputs=kept, messages=(too_large,) if dropped else ())

        return await self._call("Keeping the outputs", collect)

    async def release_compute(self, order: Order) -> Outcome:
        """Done only once nothing of it runs any more."""
        await self._call("Stopping", lambda: self._place.stop(order.session))
        return Done()

    async def release_executable(self, order: Order) -> Outcome:
        return Done()

    async def release_data(self, order: Order) -> Outcome:
        """It goes with the storage."""
        return Done()

    async def release_storage(self, order: Order) -> Outcome:
        await self._call("Removing", lambda: self._place.remove(order.session))
        return Done()

    async def holdings(self) -> Sequence[Holding]:
        """All that is there of this broker; what no live session owns will be destroyed."""
        found = await self._call("Listing", self._place.sessions)
        return [Holding(session, str(session)) for session in found]

    async def destroy(self, holding: Holding) -> None:
        def destroy() -> None:
            self._place.stop(holding.session)
            self._place.remove(holding.session)

        await self._call("Destroying", destroy)

    async def forget_results(self, session: UUID) -> None:
        results = self._results / str(session)
        await asyncio.to_thread(shutil.rmtree, results, ignore_errors=True)

    async def close(self) -> None:
        """Replace this: give back connections. Sessions go on without the broker."""

    async def _call(self, what: str, call: Callable[[], T]) -> T:
        """Replace this: give every call a timeout, and say which of its errors may pass."""
        try:
            return await asyncio.to_thread(call)
        except OSError as error:
            reason = error.strerror or "input or output failed"
            raise Transient(messages.PLATFORM_FAILED(what=what, reason=reason)) from error


def _kept(file: Path) -> Kept:
    with file.open("rb") as opened:
        return Kept(file.name, file.stat().st_size, file_digest(opened, "sha256").hexdigest())
