"""Composes the document of a session: what one offer promises, as the wire says it.

The document is immutable. Phases, messages, connectors and the expiry live elsewhere, and are put
over it when it is read.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from execution_broker.domain.demand import (
    COMPUTE,
    EXECUTABLE,
    SESSION,
    Demand,
    data_key,
    storage_key,
    volume_key,
)
from execution_broker.domain.iso8601 import write_epoch, write_epochs, write_seconds
from execution_broker.domain.offer import Offer, Terms
from execution_broker.domain.plan import Plan
from execution_broker.models.component import Component, LifecycleComponent, Metadata
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import Data, Range, SimpleCompute, SimpleStorage
from execution_broker.models.schedule import InstantSpan, IntervalSpan, Schedule

C = TypeVar("C", bound=Component)
L = TypeVar("L", bound=LifecycleComponent)

_NOBODY: Final = Metadata()


def component_keys(demand: Demand) -> tuple[str, ...]:
    """The keys of all components: `executable`, `compute`, `storage/0`, `data/0`, `volume/0`."""
    return (
        EXECUTABLE,
        COMPUTE,
        *map(storage_key, range(len(demand.storage))),
        *map(data_key, range(len(demand.data))),
        *map(volume_key, range(len(demand.volumes))),
    )


def compose_session(
    demand: Demand, offer: Offer, plan: Plan, identities: Mapping[str, str]
) -> ExecutionSession:
    """The document of an offer of `demand`.

    `identities` has a uuid for `session` and for each of `component_keys`; they replace the uuids
    of the client, whose names and descriptions are kept.
    """
    return _Composer(demand, offer, plan, identities).session()


def schedules(terms: Terms, plan: Plan, keys: Iterable[str]) -> dict[str, Schedule]:
    """The schedule of each component, by key; that of the key `session` covers all of them."""
    seconds = plan.seconds
    end = write_epoch(terms.start + terms.duration)
    # the start interval is half-open, like all intervals: `latest` is its last instant
    available = IntervalSpan(
        start=write_epochs(terms.start, terms.latest + 1), duration=write_seconds(terms.duration)
    )

    def schedule(before: int, cost: int, release: int) -> Schedule:
        return Schedule(
            preparing=InstantSpan(
                start=write_epoch(terms.start - before), duration=write_seconds(cost)
            ),
            available=available,
            releasing=InstantSpan(start=end, duration=write_seconds(release)),
        )

    made: dict[tuple[int, int, int], Schedule] = {}
    found: dict[str, Schedule] = {}
    for key in keys:
        times = (
            (terms.prepare, terms.prepare, terms.release)
            if key == SESSION
            else (
                seconds.starts.get(key, 0),
                seconds.costs.get(key, 0),
                seconds.releases.get(key, 0),
            )
        )
        if times not in made:
            made[times] = schedule(*times)
        found[key] = made[times]
    return found


def reschedule(document: ExecutionSession, terms: Terms, plan: Plan) -> ExecutionSession:
    """The document with the schedules of other terms: those that an accepted offer has fixed."""
    planned = schedules(
        terms,
        plan,
        (
            SESSION,
            EXECUTABLE,
            COMPUTE,
            *(storage_key(i) for i, _ in enumerate(document.storage)),
            *(data_key(i) for i, _ in enumerate(document.data)),
        ),
    )

    def moved(component: L, key: str) -> L:
        return msgspec.structs.replace(component, schedule=planned[key])

    return msgspec.structs.replace(
        document,
        executable=document.executable and moved(document.executable, EXECUTABLE),
        compute=document.compute and moved(document.compute, COMPUTE),
        storage=tuple(moved(s, storage_key(i)) for i, s in enumerate(document.storage)),
        data=tuple(moved(d, data_key(i)) for i, d in enumerate(document.data)),
        schedule=planned[SESSION],
    )


class _Composer:
    def __init__(
        self, demand: Demand, offer: Offer, plan: Plan, identities: Mapping[str, str]
    ) -> None:
        self.demand = demand
        self.offer = offer
        self.uuids = identities
        self.inside: dict[int, list[str]] = {}
        for index, data in enumerate(demand.data):
            self.inside.setdefault(data.storage, []).append(self.uuids[data_key(index)])
        self.schedules = schedules(offer.terms, plan, identities)

    def session(self) -> ExecutionSession:
        demand = self.demand
        return ExecutionSession(
            meta=Metadata(uuid=self.uuids[SESSION]),
            costs=self.offer.costs.get(SESSION, ()),
            metrics=self.offer.metrics.get(SESSION, ()),
            executable=self._living(demand.executable, EXECUTABLE),
            compute=self._compute(),
            storage=tuple(self._storage(index) for index in range(len(demand.storage))),
            data=tuple(self._data(index) for index in range(len(demand.data))),
            schedule=self.schedules[SESSION],
        )

    def _compute(self) -> SimpleCompute:
        terms = self.offer.terms
        volumes = tuple(
            self._component(volume.resource, volume_key(index), resource=self.uuids[volume.target])
            for index, volume in enumerate(self.demand.volumes)
        )
        return self._living(
            self.demand.compute,
            COMPUTE,
            volumes=volumes,
            cores=_exactly(terms.cores),
            memory=_exactly(terms.memory),
            amounts={name: _exactly(n) for name, n in terms.amounts.items()},
        )

    def _storage(self, index: int) -> SimpleStorage:
        return self._living(
            self.demand.storage[index].resource,
            storage_key(index),
            data=tuple(self.inside.get(index, ())),
            size=_exactly(self.offer.terms.storage[index]),
        )

    def _data(self, index: int) -> Data:
        data = self.demand.data[index]
        storage = self.uuids[storage_key(data.storage)]
        return self._living(data.resource, data_key(index), storage=storage)

    def _living(self, component: L, key: str, **changes: Any) -> L:
        schedule = self.schedules[key]
        return self._component(component, key, phase=None, schedule=schedule, **changes)

    def _component(self, component: C, key: str, **changes: Any) -> C:
        asked = component.meta or _NOBODY
        return msgspec.structs.replace(
            component,
            meta=Metadata(uuid=self.uuids[key], name=asked.name, description=asked.description),
            costs=self.offer.costs.get(key, ()),
            metrics=self.offer.metrics.get(key, ()),
            **changes,
        )


def _exactly(amount: int) -> Range:
    return Range(min=amount, max=amount)
