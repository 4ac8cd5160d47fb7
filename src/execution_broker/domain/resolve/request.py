"""The way from a request to a demand."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from execution_broker.domain.demand import (
    DataDemand,
    Demand,
    Size,
    StorageDemand,
    VolumeDemand,
    data_key,
    storage_key,
)
from execution_broker.domain.messages import MISSING_PART, NOT_ALLOWED
from execution_broker.domain.offer import No
from execution_broker.domain.resolve.parts import (
    check_bounds,
    check_data,
    check_executable,
    check_paths,
    is_blank,
)
from execution_broker.domain.resolve.references import Directory
from execution_broker.domain.resolve.report import Report
from execution_broker.domain.resolve.sizes import read_amounts, read_size
from execution_broker.domain.resolve.window import read_window
from execution_broker.domain.simulation import locations
from execution_broker.models.component import Component, Cost, Metric
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.message import Message
from execution_broker.models.resources import SimpleCompute, SimpleStorage

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


def resolve(
    request: ExecutionRequest, defaults: Defaults, now: int, remarks: tuple[Message, ...] = ()
) -> Demand | No:
    """What has to be offered, or all that is wrong with the request whatever the platform.

    `remarks` are the messages about components that could not be read (unknown kinds, with the
    value `place`): the answer is then a No that begins with them, the places in further messages
    count these components, and nothing that may follow from their absence is reported.
    `now` in whole epoch seconds.
    """
    return _Resolver(request, defaults, now, Report(remarks)).resolve()


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
            )
        }

    def resolve(self) -> Demand | No:
        if self._is_too_large():
            return No(tuple(self.report.faults))
        request, report = self.request, self.report
        self._check_parts()
        cores, memory = self._compute()
        amounts = read_amounts(report, self.compute.amounts)
        storage = self._storage()
        data = self._data(storage)
        volumes = self._volumes()
        window = read_window(
            report, request.schedule, self.defaults.duration, self.defaults.look_ahead, self.now
        )
        if report.faults or request.executable is None:
            return No(tuple(report.faults))
        return Demand(
            executable=request.executable,
            compute=self.compute,
            cores=cores,
            memory=memory,
            amounts=amounts,
            storage=tuple(storage),
            data=data,
            volumes=volumes,
            window_start=window.start,
            window_end=window.end,
            duration=window.duration,
            costs=request.costs,
            metrics=request.metrics,
            messages=tuple(report.remarks),
        )

    def _is_too_large(self) -> bool:
        """Checked before anything else, so that no answer takes longer than it should."""
        sizes = [(part, len(places)) for part, places in self.places.items()]
        sizes.append(("compute amounts", len(self.compute.amounts)))
        if self.request.executable is not None:
            sizes.append(("image locations", len(locations(self.request.executable))))
        for place, costs, metrics in self._bounds():
            if costs:
                sizes.append((f"{place} costs".strip(), len(costs)))
            if metrics:
                sizes.append((f"{place} metrics".strip(), len(metrics)))
        too_large = [(part, size) for part, size in sizes if size > MOST_OF_A_KIND]
        for part, size in too_large:
            reason = f"{size} are more than the {MOST_OF_A_KIND} that one request can have"
            self.report.refuse(NOT_ALLOWED(place=part, reason=reason))
        return bool(too_large)

    def _bounds(self) -> Iterator[tuple[str, Sequence[Cost], Sequence[Metric]]]:
        yield "", self.request.costs, self.request.metrics
        components: Iterable[tuple[str, Component | None]] = (
            ("executable", self.request.executable),
            ("compute", self.compute),
            *zip(self.places["storage"], self.request.storage, strict=True),
            *zip(self.places["data"], self.request.data, strict=True),
            *zip(self.places["volumes"], self.compute.volumes, strict=True),
        )
        for place, component in components:
            if component is not None:
                yield place, component.costs, component.metrics

    def _check_parts(self) -> None:
        if self.request.executable is not None:
            check_executable(self.report, self.request.executable)
        elif not self.report.is_unread("executable"):
            self.report.refuse(MISSING_PART(part="executable", path="executable"))
        for place, costs, metrics in self._bounds():
            check_bounds(self.report, place, costs, metrics)

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
                resource, read_size(self.report, f"{place}.size", resource.size, 1, "GiB")
            )
            for place, resource in zip(self.places["storage"], self.request.storage, strict=True)
        ]

    def _data(self, storage: list[StorageDemand]) -> tuple[DataDemand, ...]:
        """Data, and after the named storage one more for each that names none."""
        directory = Directory(
            "storage",
            ((part.resource, index) for index, part in enumerate(storage)),
            is_whole=not self.report.is_unread("storage"),
        )
        demands = []
        for place, resource in zip(self.places["data"], self.request.data, strict=True):
            check_data(self.report, place, resource)
            if resource.storage:
                index = directory.find(self.report, f"{place}.storage", resource.storage)
            else:
                index = len(storage)
                size = resource.checks.size if resource.checks else None
                gib = max(1, -(-(size or 0) // _GIB))
                storage.append(StorageDemand(SimpleStorage(), Size(gib), implied=True))
                self.report.assume(f"{place}.storage", f"storage of {gib} GiB")
            if index is not None:
                demands.append(DataDemand(resource, index))
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
            if volume.resource is None or is_blank(volume.resource):
                part = f"{place}.resource"
                self.report.refuse(MISSING_PART(part=part, path=part))
                continue
            target = directory.find(self.report, f"{place}.resource", volume.resource)
            if target is not None:
                demands.append(VolumeDemand(volume, target))
        return tuple(demands)
