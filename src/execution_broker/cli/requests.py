"""From what was typed to a request: a YAML or JSON file, or flags for the simple case."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from execution_broker.cli.typed import (
    Mistyped,
    read_counts,
    read_sizes,
    write_length,
    write_window,
)
from execution_broker.domain.errors import BrokerError, MalformedBody
from execution_broker.domain.resolve.report import short
from execution_broker.formats import JSON, YAML
from execution_broker.models import kinds
from execution_broker.models.component import Cost, Metadata
from execution_broker.models.executable import Checks, DockerContainer, Image, JupyterNotebook, Mode
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.resources import (
    Range,
    SimpleCompute,
    SimpleData,
    SimpleStorage,
    SimpleVolume,
)
from execution_broker.models.schedule import RequestedSchedule, RequestedScheduleItem

T = TypeVar("T")

STANDARD_INPUT: Final = "-"
_STORAGE: Final = "storage"
_OPTION: Final = re.compile(r",(name|size|md5|sha256|adler32)=([^,]*)$")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_COSTS: Final = {
    "monetary": kinds.COST_MONETARY,
    "energy": kinds.COST_ENERGY,
    "carbon": kinds.COST_CARBON,
}


class BadRequest(BrokerError):
    """What was typed, or the file that was named, is no request."""

    code = "bad-request"


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """The simple case as it was typed. `data`: `URL[,name=..,size=..,sha256=..]`."""

    notebook: str | None = None
    image: str | None = None
    mode: Mode | None = None
    cores: str | None = None
    memory: str | None = None
    amounts: tuple[str, ...] = ()
    storage: str | None = None
    data: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    start: str | None = None
    duration: str | None = None
    max_costs: tuple[str, ...] = ()


def from_file(file: str) -> dict[str, Any]:
    """The plain values of a request file (`-`: standard input), sent to the broker as they are.

    The broker is the judge of what is in them: an unknown kind is a NO with a reason. Paths of
    files in it are read from the directory of the file.
    """
    from execution_broker.client.uploading import with_paths

    place = "the standard input" if file == STANDARD_INPUT else file
    try:
        body = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
        is_json = file.endswith(".json") or body.lstrip().startswith(b"{")
        values = (JSON if is_json else YAML).read(body, ExecutionRequest)
    except OSError as error:
        raise BadRequest(
            f"The request {place} cannot be read: {error.strerror}.", "Give a YAML or JSON file."
        ) from None
    except MalformedBody as error:
        raise BadRequest(
            f"The request {place} cannot be sent. {error.sentence}", error.remedy
        ) from None
    if not isinstance(values, dict):
        raise BadRequest(
            f"The request {place} is not an object.",
            "Begin it with `executable:`; see examples/ for whole ones.",
        )
    return with_paths(values, Path() if file == STANDARD_INPUT else Path(file).parent)


def from_flags(flags: Flags) -> ExecutionRequest:
    """The request that the flags describe. BadRequest names the flag and how to write it."""
    storage = _storage(flags.storage)
    data = tuple(_data(text, bool(storage)) for text in flags.data)
    return ExecutionRequest(
        executable=_executable(flags),
        compute=_compute(flags),
        storage=storage,
        data=data,
        schedule=_schedule(flags),
        costs=tuple(_cost(text) for text in flags.max_costs),
    )


def require_sound(request: ExecutionRequest, now: datetime) -> None:
    """BadRequest with everything that is wrong with a request wherever it is asked."""
    from execution_broker.cli.rendering.offers import suggestion
    from execution_broker.domain.resolve import Defaults, resolve

    faults = resolve(request, Defaults(), int(now.timestamp())).faults
    if faults:
        wishes = dict.fromkeys(filter(None, map(suggestion, faults)))
        raise BadRequest(
            " ".join(fault.message or fault.kind for fault in faults),
            f"Ask {' and '.join(wishes)}." if wishes else "Correct what you typed.",
        )


def typed(option: str, read: Callable[[str], T], text: str) -> T:
    """What was typed for an option. BadRequest names the option and says how to write it."""
    try:
        return read(text)
    except Mistyped as error:
        raise BadRequest(f"{option} is {short(text)!r}: {error}.", error.remedy) from None


def _optional(option: str, read: Callable[[str], T], text: str | None) -> T | None:
    return None if text is None else typed(option, read, text)


def _executable(flags: Flags) -> JupyterNotebook | DockerContainer:
    if flags.notebook and flags.image:
        raise BadRequest("There are a notebook and an image to run.", "Give one of the two.")
    if flags.image and flags.mode:
        raise BadRequest("--mode is for notebooks, and an image has none.", "Leave it out.")
    if flags.image:
        return DockerContainer(image=Image(locations=(flags.image,)))
    if flags.notebook:
        return JupyterNotebook(location=_location(flags.notebook), mode=flags.mode)
    raise BadRequest(
        "There is nothing to run.",
        "Name a request file, a notebook with --notebook URL, or an image with --image.",
    )


def _compute(flags: Flags) -> SimpleCompute | None:
    if flags.cores is None and flags.memory is None and not flags.mounts and not flags.amounts:
        return None
    return SimpleCompute(
        cores=_optional("--cores", read_counts, flags.cores),
        memory=_optional("--memory", read_sizes, flags.memory),
        amounts=dict(_amount(text) for text in flags.amounts),
        volumes=tuple(_mount(text) for text in flags.mounts),
    )


def _amount(text: str) -> tuple[str, Range]:
    name, _, number = text.partition("=")
    if not name or not number:
        raise BadRequest(
            f"--amount {text!r} does not say how many of what.",
            "Write name=least, or name=least-most, for example gpus=1.",
        )
    return name, typed(f"--amount {name}", read_counts, number)


def _storage(text: str | None) -> tuple[SimpleStorage, ...]:
    size = _optional("--storage", read_sizes, text)
    return (SimpleStorage(meta=Metadata(name=_STORAGE), size=size),) if size else ()


def _data(text: str, in_storage: bool) -> SimpleData:
    location, options = text, dict[str, str]()
    while found := _OPTION.search(location):
        options[found[1]] = found[2]
        location = location[: found.start()]
    size = options.get("size")
    if size is not None and not size.isdecimal():
        raise BadRequest(f"--data {text}: size={size} is no number.", "Write the size in bytes.")
    checks = Checks(
        size=int(size) if size else None,
        md5=options.get("md5"),
        sha256=options.get("sha256"),
        adler32=options.get("adler32"),
    )
    return SimpleData(
        meta=Metadata(name=options.get("name") or file_name(location)),
        location=_location(location),
        storage=_STORAGE if in_storage else None,
        checks=checks if options.keys() - {"name"} else None,
    )


def _mount(text: str) -> SimpleVolume:
    name, _, path = text.partition("=")
    if not name or not path:
        raise BadRequest(
            f"--mount {text!r} does not say what appears where.",
            "Write name=path, for example catalogue.fits=/data/catalogue.fits.",
        )
    return SimpleVolume(resource=name, path=path)


def _schedule(flags: Flags) -> RequestedSchedule | None:
    if flags.start is None and flags.duration is None:
        return None
    return RequestedSchedule(
        requested=RequestedScheduleItem(
            start=_optional("--start", write_window, flags.start),
            duration=_optional("--duration", write_length, flags.duration),
        )
    )


def _cost(text: str) -> Cost:
    name, _, limit = text.rpartition("=")
    try:
        most = float(limit)
    except ValueError:
        name = ""
    if not name or not most < float("inf"):
        raise BadRequest(
            f"--max-cost {text!r} does not say how much of what.",
            f"Write type=value; known types: {', '.join(_COSTS)}, or a URI.",
        )
    return Cost(type=_COSTS.get(name, name), max=most)


def _location(text: str) -> str:
    """A URL as it is; the whole path of a file that is here, which is uploaded when it is sent."""
    if _URL.match(text):
        return text
    path = Path(text)
    if not path.is_file():
        raise BadRequest(
            f"{text} is neither a URL nor a file that is here.",
            "Write the whole URL, for example https://example.org/notebook.ipynb.",
        )
    return str(path.absolute())


def file_name(location: str) -> str:
    """The last part of a path or a URL."""
    path = urlsplit(location).path if _URL.match(location) else location
    return unquote(path.rstrip("/").rsplit("/", 1)[-1]) or "data"
