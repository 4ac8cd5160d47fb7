"""The local platform: runs Jupyter notebooks on this machine, as batches and interactively.

Each session has a directory of its own (`paths`, `sessions`) and a shim that supervises what it
runs (`shim`, `supervision`). Both are found again by name, whatever happened to the broker. All
workers of one local platform run on the same machine and as the same user. What a notebook may do
is what that user may do: let in only people who are trusted with that.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

import msgspec

from execution_broker.domain.capability import Capability, ExecutableSupport
from execution_broker.domain.growing import DURATION
from execution_broker.models import kinds
from execution_broker.platforms.local import machine, preparing, releasing, running
from execution_broker.platforms.local.config import PRICES, QUALITIES, LocalConfig
from execution_broker.platforms.local.notebook import LANGUAGES
from execution_broker.platforms.local.site import Site
from execution_broker.ports.platform import (
    Collected,
    Holding,
    Observation,
    Order,
    Outcome,
    PlatformContext,
)


class LocalPlatform:
    """This machine, for one user: each session runs under a shim of its own."""

    Config: ClassVar[type[msgspec.Struct]] = LocalConfig

    def __init__(self, name: str, config: LocalConfig, context: PlatformContext) -> None:
        self._site = Site(name, config, context)

    async def report(self) -> Capability:
        site, config, context = self._site, self._site.config, self._site.context
        capacity = await site.in_thread(
            "The report", lambda: machine.capacity(config, site.sessions.root, context.results)
        )
        notebooks = ExecutableSupport(
            kind=kinds.JUPYTER_NOTEBOOK,
            modes=await site.kernel.modes(),
            features=frozenset({"parameters", "requirements", "checks", "replace"}),
            languages=LANGUAGES,
        )
        return Capability(
            capacity=capacity,
            executables=(notebooks,),
            compute=frozenset({kinds.SIMPLE_COMPUTE}),
            storage=frozenset({kinds.SIMPLE_STORAGE}),
            volumes=frozenset({kinds.SIMPLE_VOLUME}),
            data=frozenset(site.kinds),
            schemes=frozenset(context.transfers),
            limits=config.limits,
            timings=config.timings,
            prices=PRICES,
            qualities=QUALITIES,
            environment_here=site.kernel.ready(),
            requirements=await site.in_thread("The report", site.environments.keys),
            outputs=config.outputs,
            retention=config.retention,
            changeable=frozenset({DURATION}),
            description=config.description,
        )

    async def prepare_storage(self, order: Order) -> Outcome:
        return await preparing.prepare_storage(self._site, order)

    async def prepare_data(self, order: Order) -> Outcome:
        return await preparing.prepare_data(self._site, order)

    async def prepare_executable(self, order: Order) -> Outcome:
        return await preparing.prepare_executable(self._site, order)

    async def prepare_compute(self, order: Order) -> Outcome:
        return await preparing.prepare_compute(self._site, order)

    async def start(self, order: Order) -> Outcome:
        return await running.start(self._site, order)

    async def watch(self, order: Order, seen: Mapping[str, int]) -> Observation:
        return await running.watch(self._site, order, seen)

    async def collect(self, order: Order, seen: Mapping[str, int]) -> Collected:
        return await releasing.collect(self._site, order, seen)

    async def release_compute(self, order: Order) -> Outcome:
        return await releasing.release_compute(self._site, order)

    async def release_executable(self, order: Order) -> Outcome:
        return await releasing.release_executable(self._site, order)

    async def release_data(self, order: Order) -> Outcome:
        return await releasing.release_data(self._site, order)

    async def release_storage(self, order: Order) -> Outcome:
        return await releasing.release_storage(self._site, order)

    async def holdings(self) -> Sequence[Holding]:
        return await releasing.holdings(self._site)

    async def destroy(self, holding: Holding) -> None:
        await releasing.destroy(self._site, holding.session)

    async def forget_results(self, session: UUID) -> None:
        await releasing.forget_results(self._site, session)

    async def close(self) -> None:
        """Nothing is held: sessions go on without the broker."""
