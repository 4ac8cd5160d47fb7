"""A request as a file that teaches: every part with a word about it, suggestions to switch on."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from execution_broker.cli.initial.notebook import Notebook
from execution_broker.cli.initial.surroundings import Surroundings, data, volumes
from execution_broker.cli.requests import BadRequest, file_name
from execution_broker.formats import YAML
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.reading import read_request

_HEAD: Final = """A request for an execution broker. Ask for offers with it: broker request FILE
Or ask, accept the first offer and follow it to its end: broker run FILE
A line that begins with "#- " is a suggestion: take these three characters away to use it."""
_ABOUT: Final = {
    "executable": "What runs.",
    "compute": "min: what it needs at least. max, where there is one: what it can use.\n"
    "Memory in GiB.",
    "storage": "Room for data, in GiB.",
    "data": "What is there before it starts. With checks (size in bytes, sha256) the content is\n"
    "verified, and the time that staging takes is known.",
    "schedule": "start: when it may start, as an ISO 8601 interval (../PT24H: in the next 24\n"
    "hours). duration: how long it must last; it is held in full.",
    "costs": "The most it may cost.",
}
_MARK: Final = "#- "
_FILES: Final = "The notebook opens these files, which are here. As data they are sent along:"
_ADDRESSES: Final = (
    "The notebook names these addresses. What is listed as data is staged and verified before\n"
    "the start, instead of being fetched while the cores are waiting:"
)
T = TypeVar("T", bound=msgspec.Struct)


def text_of(
    request: ExecutionRequest, notebook: Notebook | None, around: Surroundings, base: Path
) -> str:
    """The text of the file, with what lies `around` the notebook as suggestions, named from `base`.
    Read as it is, or with every suggestion taken, it is a request that a broker understands:
    BadRequest if it were not."""
    plain: dict[str, Any] = msgspec.to_builtins(request)
    if "volumes" in plain.get("compute", {}):  # last, so that more can follow
        plain["compute"]["volumes"] = plain["compute"].pop("volumes")
    parts = [_comment(_HEAD)]
    for name, value in plain.items():
        if name not in _ABOUT:
            continue
        parts.append(_comment(_ABOUT[name]) + _yaml({name: value}))
        if name == "executable":
            parts[-1] += "".join(_for_executable(notebook, around))
        if name == "compute":
            parts[-1] += _for_compute(around, plain)
        if name == "data":
            parts[-1] += _for_data(notebook, around, plain, base)
    if "data" not in plain:
        parts.append(_for_data(notebook, around, plain, base))
    text = "\n".join(part for part in parts if part)
    for version in (text, text.replace(_MARK, "")):
        _check(version)
    return text


def _for_executable(notebook: Notebook | None, around: Surroundings) -> Iterator[str]:
    if notebook is not None and notebook.parameters:
        words = "Its cell tagged `parameters` sets these; other values may be given here:"
        yield _comment(words, "  ") + _suggested({"parameters": notebook.parameters}, "  ")
    if around.requirements:
        words = f"{around.listed_in} lists these packages:"
        if around.listed_in is None:
            words = (
                "It imports these, which few places have. Name the packages, which may be called\n"
                "otherwise than their modules:"
            )
        wanted = {"requirements": list(around.requirements)}
        yield _comment(words, "  ") + _suggested(wanted, "  ")


def _for_compute(around: Surroundings, plain: dict[str, Any]) -> str:
    """Where its files appear, if they are staged: below `data`."""
    found = [msgspec.to_builtins(volume) for volume in volumes(around)]
    if not found:
        return ""
    words = "It opens these files: with them as data, below, this is where they appear:"
    suggested = _suggested({"volumes": found}, "  ")
    is_begun = bool(plain["compute"].get("volumes"))
    return _comment(words, "  ") + (suggested.partition("\n")[2] if is_begun else suggested)


def _for_data(
    notebook: Notebook | None, around: Surroundings, plain: dict[str, Any], base: Path
) -> str:
    known = {one.get("location") for one in plain.get("data", ())}
    files = [
        msgspec.to_builtins(relative(one, base)) | {"kind": kinds.SIMPLE_DATA}
        for one in data(around)
    ]
    addresses = [
        {"kind": kinds.SIMPLE_DATA, "meta": {"name": file_name(address)}, "location": address}
        for address in (notebook.addresses if notebook else ())
        if address not in known
    ]
    parts: list[str] = []
    for items, words in ((files, _FILES), (addresses, _ADDRESSES)):
        if items:
            suggested = _suggested({"data": items}, "")
            if known or parts:  # the list has begun already
                suggested = suggested.partition("\n")[2]
            parts.append(_comment(words) + suggested)
    return "".join(parts)


def relative(part: T, base: Path) -> T:
    """The same, its file named from where the request is: both can be moved together."""
    location = getattr(part, "location", None)
    if location is None or not Path(location).is_absolute():
        return part
    return msgspec.structs.replace(part, location=os.path.relpath(location, base))


def _check(text: str) -> None:
    reading = read_request(YAML.read(text.encode(), ExecutionRequest))
    for fault in reading.faults:
        raise BadRequest(
            f"What would be written is no request: {fault.place}: {fault.fault}.",
            "Write that part by hand.",
        )


def _yaml(value: object) -> str:
    return YAML.write(value).decode()


def _comment(text: str, indent: str = "") -> str:
    return "".join(f"{indent}# {line}\n" for line in text.splitlines())


def _suggested(value: object, indent: str) -> str:
    return "".join(f"{_MARK}{indent}{line}\n" for line in _yaml(value).splitlines())
