"""What one transaction of the desk does: some errands, and what wakes by them.

It locks the sessions of its steps first, in their order, then the steps, then capacity, platform by
platform (B4). What belongs to a lease that is lost is void (S1).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from execution_broker.storage import steps, waking
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import Attempt, LeasedStep
from execution_broker.storage.waking import Woken
from execution_broker.worker.places import Carried, Free, Handing, Onward, choose

_SOON: Final = timedelta(minutes=1)
"""What is due by then rings for those that wait for it; for later, they look by themselves."""

WriteOf = Callable[[Batch, LeasedStep, datetime], Awaitable[Any]]


class Told(NamedTuple):
    """What came of the writes of one transaction, for all that shared it: of attempts that were
    still leased. `then`: what their places go on with, by the keys of their steps."""

    results: Mapping[Attempt, Any]
    then: Mapping[int, Carried]


class Errand(NamedTuple):
    """A write about each of some leased steps; about one, if the place that it leaves goes onward.
    `is_alone`: it shares no transaction."""

    steps: Sequence[LeasedStep]
    processor: UUID
    write: WriteOf
    onward: Onward | None
    done: "asyncio.Future[Told]"
    is_alone: bool

    @property
    def sessions(self) -> set[int]:
        return {step.session for step in self.steps if step.session is not None}


async def together(errands: Sequence[Errand], handing: Handing, batch: Batch) -> Told:
    """Do them all, platform by platform. Raises what the first one raises that cannot be done."""
    asked = [(step, one) for one in errands for step in one.steps]
    held, now = await batch.open([step for step, _ in asked])
    results: dict[Attempt, Any] = {}
    free: dict[int, Free] = {}
    for step, one in sorted(asked, key=_order):
        if (step.id, step.attempt, one.processor) in held:
            results[step.id, step.attempt] = await one.write(batch, step, now)
            if one.onward is not None:
                free[step.id] = Free(step.session, one.onward)
    return Told(results, await _conclude(batch, free, handing, now))


async def _conclude(
    batch: Batch, free: Mapping[int, Free], handing: Handing, now: datetime
) -> dict[int, Carried]:
    """Write all that was gathered. What has woken is leased by the places that have become free,
    or for others that are free; the rest is READY. What the places go on with, by the steps that
    they had."""
    woken = await _carry_brief(batch, handing, await batch.woken(), now)
    due = [one for one in woken if one.due <= now]
    own = choose(free, due)
    handed = handing.choose(one for one in due if one.id not in own)
    left = [one for one in woken if one.id not in own and one.id not in handed]
    await waking.make_ready(batch, left, now)
    then: dict[int, Carried] = {}
    takers = {id_: free[before].onward for id_, before in own.items()}
    takers |= {id_: places.onward for id_, places in handed.items()}
    for processor in {one.processor for one in takers.values()}:
        mine = {id_: one for id_, one in takers.items() if one.processor == processor}
        lasts = max(one.lease for one in mine.values())
        for step in await steps.claim_woken(batch, processor, mine, now, lasts):
            carried = Carried(step, await mine[step.id].load(batch, step, now))
            if step.id in own:
                then[own[step.id]] = carried
            else:
                handing.take(handed[step.id], carried)
    left += await batch.flush(now)
    if kinds := {one.kind for one in left if one.due <= now + _SOON}:
        batch.ring(kinds)
    return then


async def _carry_brief(
    batch: Batch, handing: Handing, woken: Sequence[Woken], now: datetime
) -> list[Woken]:
    """Carry what does nothing outside; what has woken besides, and by that."""
    left = list(woken)
    for brief in handing.brief:
        mine = {one.id for one in left if one.due <= now and brief.takes(one)}
        if mine:
            left = [one for one in left if one.id not in mine]
            for step in await steps.claim_woken(batch, brief.processor, mine, now, brief.lease):
                await brief.load(batch, step, now)
            left += await batch.woken()
    return left


def _order(asked: tuple[LeasedStep, Errand]) -> tuple[int, int]:
    step, _ = asked
    return step.platform or 0, step.id
