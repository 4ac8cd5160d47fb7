"""The way from a request to a demand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from execution_broker.domain.demand import (
    COMPUTE,
    EXECUTABLE,
    SESSION,
    Bound,
    DataDemand,
    Demand,
    Size,
    StorageDemand,
    VolumeDemand,
    data_key,
    storage_key,
    volume_key,
)
from execution_broker.domain.messages import NOT_ALLOWED
from execution_broker.domain.resolve.bounds import read_bounds
from execution_broker.domain.resolve.ignored import remarks_on
from execution_broker.domain.resolve.parts import check_data, check_executable, check_paths
from execution_broker.domain.resolve.references import Directory
from execution_broker.domain.resolve.report import Report
from execution_broker.domain.resolve.sizes import read_amounts, read_size
from execution_broker.domain.resolve.window import read_window
from execution_broker.domain.simulation import locations
from execution_broker.models.component import Component, Cost, Metric
from execution_broker.models.executable import Executable
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.ignored import NOTHING, Ignored
from execution_broker.models.message import Message
from execution_broker.models.resources import Data, SimpleCompute, SimpleStorage

C = TypeVar("C", bound=Component)

MOST_OF_A_KIND: Final = 500
"""The most storage, data, volumes or further amounts of one session: of the former every one is
several steps."""

_GIB: Final = 1 << 30


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What is assumed where a request says nothing. Memory in GiB, times in seconds."""

    default_cores: int = 1
    default_memory: int = 1
    duration: int = 7200
    look_ahead: int = 86400


class Resolved(NamedTuple):
    """What a request asks for, and all that is wrong with it whatever the platform.

    `demand` is what the request would ask for, were every suggestion of the faults followed; None
    where there is too much of it to look at. With faults the answer is a NO: the demand is there to
    find out what else is wrong. `warnings` go with every answer; the demand has them, too.
    """

    demand: Demand | None
    faults: tuple[Message, ...]
    warnings: tuple[Message, ...]


def resolve(
    request: ExecutionRequest,
    defaults: Defaults,
    now: int,
    remarks: tuple[Message, ...] = (),
    ignored: Ignored = NOTHING,
) -> Resolved:
    """What has to be offered, and all that is wrong with the request whatever the platform.

    `remarks` are the messages about components that could not be read (unknown kinds, with the
    value `place`): they are the first faults, the places in further messages count these
    components, and nothing that may follow from their absence is reported.
    `ignored`: what of the request has no effect.
    `now` in whole epoch seconds.
    """
    report = Report(remarks)
    for remark in remarks_on(ignored):
        tell = report.refuse if remark.level == "ERROR" else report.warn
        tell(remark)
    return _Resolver(request, defaults, now, report).resolve()


class _Resolver:
    def __init__(
        self, request: ExecutionRequest, defaults: Defaults, now: int, report: Report
    ) -> None:
        self.request = request
        self.defaults = defaults
        self.now = now
        self.report = report
        self.compute = request.compute or SimpleCompute()
        self.places = {
            part: report.places(part, len(components))
            for part, components in (
                ("storage", request.storage),
                ("data", request.data),
                ("volumes", self.compute.volumes),
                ("costs", request.costs),
                ("metrics", request.metrics),
            )
        }
        self.unlocated = {one for one in ("executable", "storage", "data") if report.is_unread(one)}

    def resolve(self) -> Resolved:
        if self._is_too_large():
            return Resolved(None, tuple(self.report.faults), tuple(self.report.warnings))
        request, report = self.request, self.report
        executable = self._executable()
        bounds = tuple(self._bounds())
        cores, memory = self._compute()
        amounts = read_amounts(report, self.compute.amounts)
        storage = self._storage()
        data = self._data(storage)
        volumes = self._volumes()
        window = read_window(
            report, request.schedule, self.defaults.duration, self.defaults.look_ahead, self.now
        )
        demand = Demand(
            executable=executable,
            compute=None if report.is_unread("compute") else self.compute,
            cores=cores,
            memory=memory,
            amounts=amounts,
            storage=tuple(storage),
            data=data,
            volumes=volumes,
            window_start=window.start,
            window_end=window.end,
            duration=window.duration,
            bounds=bounds,
            messages=(*report.warnings, *report.remarks),
            unlocated=frozenset(self.unlocated),
        )
        return Resolved(demand, tuple(report.faults), tuple(report.warnings))

    def _is_too_large(self) -> bool:
        """Checked before anything else, so that no answer takes longer than it should."""
        parts = ("storage", "data", "volumes")
        sizes = [(part, len(self.places[part])) for part in parts]
        sizes.append(("compute amounts", len(self.compute.amounts)))
        if self.request.executable is not None:
            sizes.append(("image locations", len(locations(self.request.executable))))
        for _, place, costs, metrics in self._bounded():
            if costs:
                sizes.append((f"{place} costs".strip(), len(costs)))
            if metrics:
                sizes.append((f"{place} metrics".strip(), len(metrics)))
        too_large = [(part, size) for part, size in sizes if size > MOST_OF_A_KIND]
        for part, size in too_large:
            reason = f"{size} are more than the {MOST_OF_A_KIND} that one request can have"
            self.report.refuse(NOT_ALLOWED(place=part, reason=reason))
        return bool(too_large)

    def _bounded(self) -> Iterator[tuple[str, str, Sequence[Cost], Sequence[Metric]]]:
        """The key and the place of what has costs and metrics, with these."""
        yield SESSION, "", self.request.costs, self.request.metrics
        components: Iterable[tuple[str, str, Component | None]] = (
            (EXECUTABLE, "executable", self.request.executable),
            (COMPUTE, "compute", self.compute),
            *_keyed(storage_key, self.places["storage"], self.request.storage),
            *_keyed(data_key, self.places["data"], self.request.data),
            *_keyed(volume_key, self.places["volumes"], self.compute.volumes),
        )
        for key, place, component in components:
            if component is not None:
                yield key, place, component.costs, component.metrics

    def _bounds(self) -> Iterator[Bound]:
        for key, place, costs, metrics in self._bounded():
            if costs or metrics:
                yield from read_bounds(
                    self.report,
                    key,
                    (self._places_of("costs", place, costs), costs),
                    (self._places_of("metrics", place, metrics), metrics),
                )

    def _places_of(self, what: str, place: str, bounds: Sequence[Cost | Metric]) -> list[str]:
        if not place:
            return self.places[what]
        return [f"{place}.{what}[{index}]" for index in range(len(bounds))]

    def _executable(self) -> Executable | None:
        if self.request.executable is None:
            if not self.report.is_unread("executable"):
                self.report.require("executable", None)
            self.unlocated.add(EXECUTABLE)
            return None
        executable, is_told = check_executable(self.report, self.request.executable)
        if not is_told:
            self.unlocated.add(EXECUTABLE)
        return executable

    def _compute(self) -> tuple[Size, Size]:
        cores, memory = self.defaults.default_cores, self.defaults.default_memory
        if self.request.compute is None:
            if not self.report.is_unread("compute"):
                self.report.assume("compute", f"{cores} cores, {memory} GiB of memory")
            return Size(cores), Size(memory)
        return (
            read_size(self.report, "compute.cores", self.compute.cores, cores, "cores"),
            read_size(self.report, "compute.memory", self.compute.memory, memory, "GiB"),
        )

    def _storage(self) -> list[StorageDemand]:
        """The named storage of the request, in its order."""
        return [
            StorageDemand(
                place, resource, read_size(self.report, f"{place}.size", resource.size, 1, "GiB")
            )
            for place, resource in zip(self.places["storage"], self.request.storage, strict=True)
        ]

    def _data(self, storage: list[StorageDemand]) -> tuple[DataDemand, ...]:
        """Data, and after the named storage one more for each that names none, or none there is."""
        directory = Directory(
            "storage",
            ((part.resource, index) for index, part in enumerate(storage)),
            is_whole=not self.report.is_unread("storage"),
        )
        demands: list[DataDemand] = []
        for place, asked in zip(self.places["data"], self.request.data, strict=True):
            resource, is_told = check_data(self.report, place, asked)
            if not is_told:
                self.unlocated.add(data_key(len(demands)))
            here, index = f"{place}.storage", None
            if resource.storage:
                index = directory.find(self.report, here, resource.storage, is_optional=True)
            if index is None:
                index = len(storage)
                gib = _gib(resource)
                storage.append(StorageDemand(here, SimpleStorage(), Size(gib), implied=True))
                if not resource.storage:
                    self.report.assume(here, f"storage of {gib} GiB")
            demands.append(DataDemand(place, resource, index))
        return tuple(demands)

    def _volumes(self) -> tuple[VolumeDemand, ...]:
        volumes = list(zip(self.places["volumes"], self.compute.volumes, strict=True))
        check_paths(self.report, volumes)
        named: list[tuple[Component, str]] = [
            (resource, storage_key(index)) for index, resource in enumerate(self.request.storage)
        ]
        named += [(resource, data_key(index)) for index, resource in enumerate(self.request.data)]
        unread = self.report.is_unread("storage") or self.report.is_unread("data")
        directory = Directory("storage or data", named, is_whole=not unread)
        demands = []
        for place, volume in volumes:
            part = f"{place}.resource"
            is_said = self.report.require(part, volume.resource)
            target = directory.find(self.report, part, volume.resource or "") if is_said else None
            demands.append(VolumeDemand(place, volume, target))
        return tuple(demands)


def _gib(data: Data) -> int:
    """Whole GiB that hold it, as far as its size is known; at least one."""
    size = data.checks.size if data.checks else None
    return max(1, -(-(size or 0) // _GIB))


def _keyed(
    key: Callable[[int], str], places: Iterable[str], components: Iterable[C]
) -> Iterator[tuple[str, str, C]]:
    for index, (place, component) in enumerate(zip(places, components, strict=True)):
        yield key(index), place, component
