"""What single components must have, whatever the platform: locations, paths, checks, bounds."""

import math
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal, assert_never

from execution_broker.domain.messages import BAD_VALUE, MISSING_PART, NOT_ALLOWED, REVERSED_RANGE
from execution_broker.domain.resolve.report import Report, short
from execution_broker.models.component import Cost, Metric
from execution_broker.models.executable import (
    Checks,
    DockerContainer,
    Executable,
    JupyterNotebook,
    SingularityContainer,
)
from execution_broker.models.resources import Data, SimpleData, SimpleVolume

_DIGESTS: Final = {"md5": 32, "sha256": 64, "adler32": 8}


def check_executable(report: Report, executable: Executable) -> None:
    """An executable says where its content is."""
    place = "executable"
    match executable:
        case JupyterNotebook():
            _require(report, f"{place}.location", executable.location)
            _check_content(report, place, executable.checks)
        case SingularityContainer():
            _require(report, f"{place}.location", executable.location)
        case DockerContainer():
            locations = executable.image.locations if executable.image else ()
            _require(report, f"{place}.image.locations", next(iter(locations), None))
        case _:
            assert_never(executable)


def check_data(report: Report, place: str, data: Data) -> None:
    """What all data must have. Where data of the other kinds lies, their kinds say."""
    if isinstance(data, SimpleData):
        _require(report, f"{place}.location", data.location)
    _check_content(report, place, data.checks)


def check_paths(report: Report, volumes: Iterable[tuple[str, SimpleVolume]]) -> None:
    """Every volume has a path, all are different, none leads out of where it is mounted."""
    taken: dict[str, str] = {}
    for place, volume in volumes:
        here = f"{place}.path"
        path = volume.path
        if not path:
            report.refuse(MISSING_PART(part=here, path=here))
            continue
        plain = "/" + posixpath.normpath(path).strip("/")
        if ".." in path.split("/"):
            _forbid(report, here, "a path may not contain ..")
        elif not path.isprintable():
            _forbid(report, here, "a path may not contain control characters")
        elif plain in ("/", "/."):
            _forbid(report, here, "a path must name a directory below the root")
        elif plain in taken:
            _forbid(report, here, f"{taken[plain]} is mounted there already")
        taken.setdefault(plain, place)


def check_bounds(
    report: Report, place: str, costs: Sequence[Cost], metrics: Sequence[Metric]
) -> None:
    """Every cost and metric that bounds something says of which type, with numbers in order.

    `place` is empty for the request itself. Only the most of a cost and the least of a metric
    bound anything.
    """
    prefix = f"{place}." if place else ""
    for index, cost in enumerate(costs):
        _check_bound(report, f"{prefix}costs[{index}]", cost, "max")
    for index, metric in enumerate(metrics):
        _check_bound(report, f"{prefix}metrics[{index}]", metric, "min")


def _check_bound(
    report: Report, place: str, bound: Cost | Metric, side: Literal["min", "max"]
) -> None:
    value: float | None = getattr(bound, side)
    if value is not None and math.isnan(value):
        _advise(report, f"{place}.{side}", value, "not a number", "")
    elif value is not None and not bound.type:
        report.refuse(MISSING_PART(part=f"{place}.type", path=f"{place}.type"))
    if bound.min is not None and bound.max is not None and bound.min > bound.max:
        report.refuse(
            REVERSED_RANGE(
                place=place,
                min=bound.min,
                max=bound.max,
                path=f"{place}.max",
                from_=bound.max,
                to=bound.min,
            )
        )


def _check_content(report: Report, place: str, checks: Checks | None) -> None:
    if checks is None:
        return
    if checks.size is not None and checks.size < 0:
        _advise(report, f"{place}.checks.size", checks.size, "a size cannot be negative", "")
    for name, length in _DIGESTS.items():
        digest: str | None = getattr(checks, name)
        if digest is not None and not re.fullmatch(f"[0-9a-fA-F]{{{length}}}", digest):
            reason = f"a digest by {name} has {length} hexadecimal digits"
            _advise(report, f"{place}.checks.{name}", short(digest), reason, "")


def _require(report: Report, place: str, text: str | None) -> None:
    if not text:
        report.refuse(MISSING_PART(part=place, path=place))


def _forbid(report: Report, place: str, reason: str) -> None:
    report.refuse(NOT_ALLOWED(place=place, reason=reason, path=place))


def _advise(report: Report, place: str, value: object, reason: str, to: object) -> None:
    report.refuse(
        BAD_VALUE(place=place, value=value, reason=reason, path=place, from_=value, to=to)
    )
