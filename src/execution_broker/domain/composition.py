"""Composes the document of a session: what one offer promises, as the wire says it.

The document is immutable. Phases, messages, connectors and the expiry live elsewhere, and are put
over it when it is read.
"""

from collections.abc import Iterable
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
from execution_broker.domain.plan import Plan, Times
from execution_broker.models.component import (
    Component,
    Cost,
    LifecycleComponent,
    Metadata,
    Metric,
)
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import Range, SimpleCompute
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


class Bid(msgspec.Struct, frozen=True, kw_only=True):
    """What one offer has of its own, beside what it has in common with the others of its answer:
    the uuid of the session and of each of its components, in the order of their keys, and its
    terms, costs and metrics as they were offered."""

    uuids: tuple[str, ...]
    terms: Terms
    costs: dict[str, tuple[Cost, ...]]
    metrics: dict[str, tuple[Metric, ...]]


def bid_of(offer: Offer, uuids: Iterable[str]) -> Bid:
    """`uuids`: one for the session, and one for each of `component_keys`."""
    return Bid(uuids=tuple(uuids), terms=offer.terms, costs=offer.costs, metrics=offer.metrics)


def asked_for(demand: Demand) -> ExecutionSession:
    """What all offers of `demand` have in common: its components with the names that the client
    gave them. Where one refers to another, it has the key of it."""
    inside: dict[int, list[str]] = {}
    for index, data in enumerate(demand.data):
        inside.setdefault(data.storage, []).append(data_key(index))
    volumes = tuple(_named(volume.resource, resource=volume.target) for volume in demand.volumes)
    assert demand.executable is not None, "only what was read is offered"
    assert demand.compute is not None, "only what was read is offered"
    return ExecutionSession(
        executable=_unplanned(demand.executable),
        compute=_unplanned(demand.compute, volumes=volumes),
        storage=tuple(
            _unplanned(one.resource, data=tuple(inside.get(index, ())))
            for index, one in enumerate(demand.storage)
        ),
        data=tuple(
            _unplanned(one.resource, storage=storage_key(one.storage)) for one in demand.data
        ),
    )


class Composition:
    """Makes the documents of the offers of one answer, which have `asked` in common."""

    def __init__(self, asked: ExecutionSession) -> None:
        assert isinstance(asked.compute, SimpleCompute)
        self._asked = asked
        self._compute = asked.compute
        self._storage = [(storage_key(i), one) for i, one in enumerate(asked.storage)]
        self._data = [(data_key(i), one) for i, one in enumerate(asked.data)]
        self._volumes = [(volume_key(i), one) for i, one in enumerate(asked.compute.volumes)]
        parts = (*self._storage, *self._data)
        self._living = (SESSION, EXECUTABLE, COMPUTE, *(key for key, _ in parts))
        self._keys = (*self._living, *(key for key, _ in self._volumes))

    def session(self, bid: Bid, plan: Plan) -> ExecutionSession:
        """The document of an offer: what was asked for, as this offer has it."""
        uuids = dict(zip(self._keys, bid.uuids, strict=True))
        planned = schedules(bid.terms, plan, self._living)
        costs, metrics, terms = bid.costs, bid.metrics, bid.terms

        def own(component: C, key: str, **changes: Any) -> C:
            asked = component.meta or _NOBODY
            meta = Metadata(uuid=uuids[key], name=asked.name, description=asked.description)
            mine, worth = costs.get(key, ()), metrics.get(key, ())
            return msgspec.structs.replace(
                component, meta=meta, costs=mine, metrics=worth, **changes
            )

        def living(component: L, key: str, **changes: Any) -> L:
            return own(component, key, schedule=planned[key], **changes)

        return ExecutionSession(
            meta=Metadata(uuid=uuids[SESSION]),
            costs=costs.get(SESSION, ()),
            metrics=metrics.get(SESSION, ()),
            executable=self._asked.executable and living(self._asked.executable, EXECUTABLE),
            compute=living(
                self._compute,
                COMPUTE,
                volumes=tuple(
                    own(one, key, resource=uuids[one.resource or ""]) for key, one in self._volumes
                ),
                cores=_exactly(terms.cores),
                memory=_exactly(terms.memory),
                amounts={name: _exactly(n) for name, n in terms.amounts.items()},
            ),
            storage=tuple(
                living(one, key, data=tuple(uuids[d] for d in one.data), size=_exactly(size))
                for (key, one), size in zip(self._storage, terms.storage, strict=True)
            ),
            data=tuple(
                living(one, key, storage=uuids[one.storage or ""]) for key, one in self._data
            ),
            schedule=planned[SESSION],
        )


def schedules(terms: Terms, plan: Plan, keys: Iterable[str]) -> dict[str, Schedule]:
    """The schedule of each component, by key; that of the key `session` covers all of them."""
    end = write_epoch(terms.start + terms.duration)
    # the start interval is half-open, like all intervals: `latest` is its last instant
    available = IntervalSpan(
        start=write_epochs(terms.earliest, terms.latest + 1), duration=write_seconds(terms.duration)
    )

    def schedule(before: int, cost: int, release: int) -> Schedule:
        return Schedule(
            preparing=InstantSpan(
                start=write_epoch(terms.start - before), duration=write_seconds(cost)
            ),
            available=available,
            releasing=InstantSpan(start=end, duration=write_seconds(release)),
        )

    whole = Times(terms.prepare, terms.prepare, terms.release)
    made: dict[Times, Schedule] = {}
    found: dict[str, Schedule] = {}
    for key in keys:
        times = whole if key == SESSION else plan.times(key)
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


def _unplanned(component: L, **changes: Any) -> L:
    return _named(component, phase=None, schedule=None, **changes)


def _named(component: C, **changes: Any) -> C:
    """What the client asked for, with the name and description that it gave it, and no more that is
    for us to say."""
    asked = component.meta or _NOBODY
    meta = Metadata(name=asked.name, description=asked.description)
    return msgspec.structs.replace(component, meta=meta, costs=(), metrics=(), **changes)


def _exactly(amount: int) -> Range:
    return Range(min=amount, max=amount)
