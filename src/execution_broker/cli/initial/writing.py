"""A request as a file that teaches: every part with a word about it, suggestions to switch on."""

from typing import Any, Final

import msgspec

from execution_broker.cli.initial.notebook import Notebook
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


def text_of(request: ExecutionRequest, notebook: Notebook | None) -> str:
    """The text of the file. Read as it is, or with every suggestion taken, it is a request that a
    broker understands: BadRequest if it were not."""
    plain: dict[str, Any] = msgspec.to_builtins(request)
    parts = [_comment(_HEAD)]
    for name, value in plain.items():
        if name not in _ABOUT:
            continue
        parts.append(_comment(_ABOUT[name]) + _yaml({name: value}))
        if name == "executable" and notebook is not None:
            parts[-1] += "".join(_for_executable(notebook))
        if name == "data" and notebook is not None:
            parts[-1] += _for_data(notebook, plain)
    if notebook is not None and "data" not in plain:
        parts.append(_for_data(notebook, plain))
    text = "\n".join(part for part in parts if part)
    for version in (text, text.replace(_MARK, "")):
        _check(version)
    return text


def _for_executable(notebook: Notebook) -> list[str]:
    parts = []
    if notebook.parameters:
        words = "Its cell tagged `parameters` sets these; other values may be given here:"
        parts.append(_comment(words, "  ") + _suggested({"parameters": notebook.parameters}, "  "))
    if notebook.modules:
        words = (
            "It imports these. Where `requirements` are offered, name the packages that the place\n"
            "lacks (a package may have another name than its module):"
        )
        wanted = {"requirements": list(notebook.modules)}
        parts.append(_comment(words, "  ") + _suggested(wanted, "  "))
    return parts


def _for_data(notebook: Notebook, plain: dict[str, Any]) -> str:
    known = {one.get("location") for one in plain.get("data", ())}
    items = [
        {"kind": kinds.SIMPLE_DATA, "meta": {"name": file_name(address)}, "location": address}
        for address in notebook.addresses
        if address not in known
    ]
    if not items:
        return ""
    words = (
        "The notebook names these addresses. What is listed as data is staged and verified before\n"
        "the start, instead of being fetched while the cores are waiting:"
    )
    suggested = _suggested({"data": items}, "")
    return _comment(words) + (suggested.partition("\n")[2] if known else suggested)


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
