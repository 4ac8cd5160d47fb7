"""Notebooks as documents: what they must be, how far one is, and why it failed."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.domain.notebooks import MOST, PYTHON, traits
from execution_broker.models.executable import Checks, JupyterNotebook
from execution_broker.platforms.local.files import read_json, read_regular
from execution_broker.ports.data import Source

LANGUAGES: Final = frozenset({PYTHON})
_UNFIT: Final = re.compile(r"[^\w.+=@,-]+", re.ASCII)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_REASON: Final = 500


def source_of(notebook: JupyterNotebook) -> Source:
    """Where a notebook comes from, and its file name."""
    if not notebook.location:
        raise Permanent(messages.MISSING_PART(part="executable.location"))
    checks = notebook.checks or Checks()
    return Source(notebook.location, _file_name(notebook.location), checks)


def require_notebook(path: Path, name: str, platform: str) -> None:
    """Permanent when the file is no notebook that can be run here."""
    content = read_regular(path, MOST)
    if content is None:
        reason = f"it is no file of at most {MOST >> 20} MiB"
        raise Permanent(messages.NOT_A_NOTEBOOK(file=name, reason=reason))
    found = traits(content)
    if found.fault is not None:
        raise Permanent(messages.NOT_A_NOTEBOOK(file=name, reason=found.fault))
    if found.language.lower() not in LANGUAGES:
        raise Permanent(
            messages.OTHER_LANGUAGE(
                file=name,
                language=one_line(found.language),
                platform=platform,
                known=", ".join(sorted(LANGUAGES)),
            )
        )


class Told(msgspec.Struct, frozen=True):
    """What the program that executes a batch tells of it: how many of its cells are `done`, and
    the error that ended it."""

    done: int = 0
    cells: int = 0
    reason: str = ""


def told(path: Path) -> Told:
    """What was told so far. Nothing where it makes no sense: a notebook could have written it."""
    try:
        return msgspec.convert(read_json(path) or {}, Told)
    except msgspec.ValidationError:
        return Told()


def one_line(text: str) -> str:
    """Text of somebody else, as a part of a sentence."""
    plain = " ".join(_COLOURS.sub("", text).split())
    printable = "".join(c if c.isprintable() else "?" for c in plain)
    return printable if len(printable) <= _LONGEST_REASON else f"{printable[:_LONGEST_REASON]}..."


def _file_name(location: str) -> str:
    try:
        path = urlsplit(location).path
    except ValueError as error:
        place = "executable.location"
        raise Permanent(
            messages.BAD_VALUE(place=place, value=location, reason=str(error))
        ) from None
    last = unquote(path).rstrip("/").rpartition("/")[2]
    stem = _UNFIT.sub("_", last.removesuffix(".ipynb")).strip("._")[:100]
    return f"{stem or 'notebook'}.ipynb"
