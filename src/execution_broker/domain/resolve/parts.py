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
    Image,
    JupyterNotebook,
    SingularityContainer,
)
from execution_broker.models.resources import (
    Data,
    IvoaBlock,
    IvoaData,
    RucioBlock,
    RucioData,
    S3Data,
    SimpleData,
    SimpleVolume,
    SkaoBlock,
    SkaoData,
)

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
            _check_locations(report, f"{place}.image.locations", executable.image)
        case _:
            assert_never(executable)


def check_data(report: Report, place: str, data: Data) -> None:
    """Data says where its content is, in the words of its kind."""
    match data:
        case SimpleData():
            _require(report, f"{place}.location", data.location)
        case S3Data():
            _require(report, f"{place}.endpoint", data.endpoint)
            _require(report, f"{place}.template", data.template)
            _require(report, f"{place}.bucket", data.bucket)
        case RucioData():
            _check_rucio(report, f"{place}.rucio", data.rucio)
        case IvoaData():
            _check_ivoa(report, f"{place}.ivoa", data.ivoa)
        case SkaoData():
            _check_skao(report, f"{place}.skao", data.skao)
        case _:
            assert_never(data)
    _check_content(report, place, data.checks)


def check_paths(report: Report, volumes: Iterable[tuple[str, SimpleVolume]]) -> None:
    """Every volume has a path, all are different, none leads out of where it is mounted."""
    taken: dict[str, str] = {}
    for place, volume in volumes:
        here = f"{place}.path"
        path = volume.path
        if path is None or is_blank(path):
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


def _check_locations(report: Report, place: str, image: Image | None) -> None:
    """At least one, and the first that is blank is named."""
    locations = image.locations if image else ()
    if not locations:
        _require(report, place, None)
    for index, location in enumerate(locations):
        if is_blank(location):
            _require(report, f"{place}[{index}]", location)
            break


def _check_rucio(report: Report, place: str, block: RucioBlock | None) -> None:
    if block is None:
        _require(report, place, None)
        return
    _require(report, f"{place}.endpoint", block.endpoint)
    _require(report, f"{place}.scope", block.scope)
    _require(report, f"{place}.object", block.object)


def _check_ivoa(report: Report, place: str, block: IvoaBlock | None) -> None:
    if block is None:
        _require(report, place, None)
        return
    _require(report, f"{place}.ivoid", block.ivoid)


def _check_skao(report: Report, place: str, block: SkaoBlock | None) -> None:
    """What it is called, or where its replicas are."""
    if block is None:
        _require(report, place, None)
        return
    if not block.replicas:
        _require(report, f"{place}.namespace", block.namespace)
        _require(report, f"{place}.objectname", block.objectname)
    for index, replica in enumerate(block.replicas):
        if is_blank(replica.dataurl):
            _require(report, f"{place}.replicas[{index}].dataurl", replica.dataurl)
            break


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
    if is_blank(text):
        report.refuse(MISSING_PART(part=place, path=place))


def is_blank(text: str | None) -> bool:
    """Whether this says nothing."""
    return text is None or not text.strip()


def _forbid(report: Report, place: str, reason: str) -> None:
    report.refuse(NOT_ALLOWED(place=place, reason=reason, path=place))


def _advise(report: Report, place: str, value: object, reason: str, to: object) -> None:
    report.refuse(
        BAD_VALUE(place=place, value=value, reason=reason, path=place, from_=value, to=to)
    )
