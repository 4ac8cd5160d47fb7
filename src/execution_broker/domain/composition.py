"""Composes the document of a session: what one offer promises, as the wire says it.

The document is immutable. Phases, messages, connectors and the expiry live elsewhere, and are put
over it when it is read.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar
from uuid import UUID

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


def component_keys(demand: Demand) -> tuple[str, ...]:
    """The keys of all components: `executable`, `compute`, `storage/0`, `data/0`, `volume/0`."""
    return tuple(component_kinds(demand))


def component_kinds(demand: Demand) -> dict[str, str]:
    """The kind URI of each component, by key."""
    components: dict[str, Component] = {EXECUTABLE: demand.executable, COMPUTE: demand.compute}
    components |= {storage_key(i): part.resource for i, part in enumerate(demand.storage)}
    components |= {data_key(i): part.resource for i, part in enumerate(demand.data)}
    components |= {volume_key(i): part.resource for i, part in enumerate(demand.volumes)}
    return {key: str(part.__struct_config__.tag) for key, part in components.items()}


def compose_session(
    demand: Demand, offer: Offer, plan: Plan, identities: Mapping[str, UUID]
) -> ExecutionSession:
    """The document of an offer of `demand`.

    `identities` has a uuid for `session` and for each of `component_keys`; they replace the uuids
    of the client, whose names and descriptions are kept.
    """
    return _Composer(demand, offer, plan, identities).session()


def schedules(terms: Terms, plan: Plan, keys: Iterable[str]) -> dict[str, Schedule]:
    """The schedule of each component, by key; that of the key `session` covers all of them."""
    costs, starts, releases = plan.seconds
    return {
        key: _schedule(terms, terms.prepare, terms.prepare, terms.release)
        if key == SESSION
        else _schedule(terms, starts.get(key, 0), costs.get(key, 0), releases.get(key, 0))
        for key in keys
    }


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
        self, demand: Demand, offer: Offer, plan: Plan, identities: Mapping[str, UUID]
    ) -> None:
        self.demand = demand
        self.offer = offer
        self.uuids = {key: str(identity) for key, identity in identities.items()}
        self.inside: dict[int, list[str]] = {}
        for index, data in enumerate(demand.data):
            self.inside.setdefault(data.storage, []).append(self.uuids[data_key(index)])
        self.schedules = schedules(offer.terms, plan, identities)

    def session(self) -> ExecutionSession:
        return ExecutionSession(
            meta=Metadata(uuid=self.uuids[SESSION]),
            costs=self.offer.costs.get(SESSION, ()),
            metrics=self.offer.metrics.get(SESSION, ()),
            executable=self._living(self.demand.executable, EXECUTABLE),
            compute=self._compute(),
            storage=tuple(self._storage(index) for index, _ in enumerate(self.demand.storage)),
            data=tuple(self._data(index) for index, _ in enumerate(self.demand.data)),
            schedule=self.schedules[SESSION],
        )

    def _compute(self) -> SimpleCompute:
        volumes = tuple(
            msgspec.structs.replace(
                self._component(volume.resource, volume_key(index)),
                resource=self.uuids[volume.target],
            )
            for index, volume in enumerate(self.demand.volumes)
        )
        return msgspec.structs.replace(
            self._living(self.demand.compute, COMPUTE),
            volumes=volumes,
            cores=_exactly(self.offer.terms.cores),
            memory=_exactly(self.offer.terms.memory),
            amounts={name: _exactly(n) for name, n in self.offer.terms.amounts.items()},
        )

    def _storage(self, index: int) -> SimpleStorage:
        return msgspec.structs.replace(
            self._living(self.demand.storage[index].resource, storage_key(index)),
            data=tuple(self.inside.get(index, ())),
            size=_exactly(self.offer.terms.storage[index]),
        )

    def _data(self, index: int) -> Data:
        data = self.demand.data[index]
        return msgspec.structs.replace(
            self._living(data.resource, data_key(index)),
            storage=self.uuids[storage_key(data.storage)],
        )

    def _living(self, component: L, key: str) -> L:
        return msgspec.structs.replace(
            self._component(component, key), phase=None, schedule=self.schedules[key]
        )

    def _component(self, component: C, key: str) -> C:
        asked = component.meta or Metadata()
        return msgspec.structs.replace(
            component,
            meta=Metadata(uuid=self.uuids[key], name=asked.name, description=asked.description),
            costs=self.offer.costs.get(key, ()),
            metrics=self.offer.metrics.get(key, ()),
        )


def _schedule(terms: Terms, before: int, cost: int, release: int) -> Schedule:
    """The start interval is half-open, like all intervals: `latest` is its last instant."""
    return Schedule(
        preparing=InstantSpan(
            start=write_epoch(terms.start - before), duration=write_seconds(cost)
        ),
        available=IntervalSpan(
            start=write_epochs(terms.start, terms.latest + 1),
            duration=write_seconds(terms.duration),
        ),
        releasing=InstantSpan(
            start=write_epoch(terms.start + terms.duration), duration=write_seconds(release)
        ),
    )


def _exactly(amount: int) -> Range:
    return Range(min=amount, max=amount)
