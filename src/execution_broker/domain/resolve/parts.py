"""What single components must have, whatever the platform: locations, paths, checks.

What is checked comes back as it would be once every suggestion was followed.
"""

import posixpath
from collections.abc import Iterable
from typing import assert_never

import msgspec

from execution_broker.domain.digests import ALGORITHMS, read_digest
from execution_broker.domain.messages import MISSING_PART, NOT_ALLOWED
from execution_broker.domain.resolve.report import Report, is_blank, short
from execution_broker.models.base import Wire
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
    IvoaData,
    RucioData,
    S3Data,
    SimpleData,
    SimpleVolume,
    SkaoBlock,
    SkaoData,
)


def check_executable(report: Report, executable: Executable) -> tuple[Executable, bool]:
    """The executable, and whether it says where its content is, as it must."""
    place = "executable"
    match executable:
        case JupyterNotebook():
            is_told = report.require(f"{place}.location", executable.location)
            checks = _checked(report, place, executable.checks)
            if checks is not executable.checks:
                executable = msgspec.structs.replace(executable, checks=checks)
            return executable, is_told
        case SingularityContainer():
            return executable, report.require(f"{place}.location", executable.location)
        case DockerContainer():
            return executable, _check_locations(
                report, f"{place}.image.locations", executable.image
            )
        case _:
            assert_never(executable)


def check_data(report: Report, place: str, data: Data) -> tuple[Data, bool]:
    """The data, and whether it says where its content is, in the words of its kind, as it must."""
    match data:
        case SimpleData():
            is_told = report.require(f"{place}.location", data.location)
        case S3Data():
            is_told = _require_all(report, place, data, "endpoint", "template", "bucket")
        case RucioData():
            is_told = _require_all(
                report, f"{place}.rucio", data.rucio, "endpoint", "scope", "object"
            )
        case IvoaData():
            is_told = _require_all(report, f"{place}.ivoa", data.ivoa, "ivoid")
        case SkaoData():
            is_told = _check_skao(report, f"{place}.skao", data.skao)
        case _:
            assert_never(data)
    checks = _checked(report, place, data.checks)
    if checks is not data.checks:
        data = msgspec.structs.replace(data, checks=checks)
    return data, is_told


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


def _check_locations(report: Report, place: str, image: Image | None) -> bool:
    """At least one, and the first that is blank is named."""
    locations = image.locations if image else ()
    if not locations:
        return report.require(place, None)
    blank = next((index for index, one in enumerate(locations) if is_blank(one)), None)
    return blank is None or report.require(f"{place}[{blank}]", None)


def _require_all(report: Report, place: str, block: Wire | None, *names: str) -> bool:
    """A part of a component, and each of these in it."""
    if block is None:
        return report.require(place, None)
    found = [report.require(f"{place}.{name}", getattr(block, name)) for name in names]
    return all(found)


def _check_skao(report: Report, place: str, block: SkaoBlock | None) -> bool:
    """What it is called, or where its replicas are."""
    if block is None or not block.replicas:
        return _require_all(report, place, block, "namespace", "objectname")
    replicas = enumerate(block.replicas)
    blank = next((index for index, one in replicas if is_blank(one.dataurl)), None)
    return blank is None or report.require(f"{place}.replicas[{blank}].dataurl", None)


def _checked(report: Report, place: str, checks: Checks | None) -> Checks | None:
    """The checks without those that no content can pass."""
    if checks is None:
        return None
    wrong: dict[str, None] = {}
    if checks.size is not None and checks.size < 0:
        wrong["size"] = None
        report.correct(f"{place}.checks.size", checks.size, "a size cannot be negative", None)
    for name in ALGORITHMS:
        digest: str = getattr(checks, name) or ""
        try:
            if getattr(checks, name) is not None:
                read_digest(name, digest)
        except ValueError as error:
            wrong[name] = None
            report.correct(f"{place}.checks.{name}", short(digest), str(error), None)
    return msgspec.structs.replace(checks, **wrong) if wrong else checks


def _forbid(report: Report, place: str, reason: str) -> None:
    report.refuse(NOT_ALLOWED(place=place, reason=reason, path=place))
