"""Files that are here, in a request: sent to the broker, which then has what the request names.

A location of a notebook or of simple data that is no URL is the path of a file on this machine.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

import msgspec

from execution_broker.client.asking import Again, Question, ask
from execution_broker.client.decoding import read
from execution_broker.client.errors import BrokerRefused, UnusableFile
from execution_broker.client.peer import Peer
from execution_broker.client.requests import Request
from execution_broker.client.speaking import Conversation, Do
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.extensions import Upload

Told = Callable[[Path, int], None]
"""Told of each file, with its size in bytes, before it is sent."""

LARGEST: Final = 256 << 20
"""Bytes of a file that is read into memory to be sent."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FROM_FILES: Final = frozenset({kinds.JUPYTER_NOTEBOOK, kinds.SIMPLE_DATA})
_UNKNOWN: Final = frozenset({404, 405, 501})


def unheard(_file: Path, _size: int) -> None:
    """Files that nobody wants to know of."""


def with_paths(request: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The plain values of a request, in which every path begins at the root: those that were
    relative are of files below `directory`."""
    values = dict(request)
    for part in _parts(values):
        part["location"] = str((directory / part["location"]).resolve())
    return values


def bring(peer: Peer, request: Request, told: Told) -> Conversation[Request]:
    """The request with each file that is here uploaded, and named by what it is then called. What
    is known of its content is added. Repeatable: the same file is the same upload.

    UnusableFile names a file that cannot be sent. A broker that takes no uploads, which is none of
    ours, is given `file:` URLs: it may be on this machine.
    """
    plain = msgspec.to_builtins(request) if isinstance(request, ExecutionRequest) else request
    values = dict(plain)
    for part in _parts(values):
        path = Path(part["location"])
        try:
            sent = yield from upload(peer, path, told)
        except BrokerRefused as error:
            if error.problem.status not in _UNKNOWN:
                raise
            part["location"] = path.absolute().as_uri()
        else:
            part["location"] = sent.location
            part.setdefault("checks", {"size": sent.size, "sha256": sent.sha256})
    return values


def upload(peer: Peer, path: Path, told: Told) -> Conversation[Upload]:
    """Send one file. Repeatable: the same file is the same upload."""
    data: bytes = yield Do(lambda: _content(path))
    told(path, len(data))
    query = urlencode({"name": path.name, "sha256": hashlib.sha256(data).hexdigest()})
    question = Question(
        place=f"uploads?{query}",
        method="POST",
        headers={"Content-Type": "application/octet-stream"},
        body=data,
        expect=(200, 201),
        again=Again.SAFE,
    )
    return read((yield from ask(peer, question)).values(), Upload)


def _parts(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts whose location is a path, each a copy that stands in the values now."""
    executable = values.get("executable")
    if _has_path(executable):
        values["executable"] = copy = dict(cast("Mapping[str, Any]", executable))
        yield copy
    data = values.get("data")
    if not isinstance(data, (list, tuple)):
        return
    values["data"] = copies = list(data)
    for index, one in enumerate(copies):
        if _has_path(one):
            copies[index] = copy = dict(one)
            yield copy


def _has_path(part: object) -> bool:
    if not isinstance(part, Mapping) or part.get("kind") not in _FROM_FILES:
        return False
    location = part.get("location")
    return isinstance(location, str) and bool(location) and not _URL.match(location)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise UnusableFile(
                f"{path} has more than {LARGEST >> 20} MiB, which is too much to be uploaded.",
                "Put it where the broker can read it, and give its URL.",
            )
        return path.read_bytes()
    except OSError as error:
        raise UnusableFile(
            f"{path} is neither a URL nor a file that can be read here: {error.strerror}.",
            "Write the whole URL, for example https://example.org/notebook.ipynb, or the path of"
            " a file.",
        ) from None
