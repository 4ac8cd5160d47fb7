"""Notebooks as documents: what they must be, how far one is, and why it failed."""

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import Checks, JupyterNotebook
from execution_broker.platforms.local.files import read_regular
from execution_broker.ports.data import Source

_LARGEST: Final = 64 << 20
_WATCHED: Final = 8 << 20
_ENDED: Final = frozenset({"completed", "failed"})
_UNFIT: Final = re.compile(r"[^\w.+=@,-]+", re.ASCII)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_REASON: Final = 500


def source_of(notebook: JupyterNotebook) -> Source:
    """Where a notebook comes from, and its file name."""
    if not notebook.location:
        raise Permanent(messages.MISSING_PART(part="executable.location"))
    checks = notebook.checks or Checks()
    return Source(notebook.location, _file_name(notebook.location), checks)


def require_notebook(path: Path, name: str) -> None:
    """Permanent when the file is no notebook that can be run here."""
    fault = _fault(path)
    if fault:
        raise Permanent(messages.NOT_A_NOTEBOOK(file=name, reason=fault))


def cells_done(path: Path) -> tuple[int, int] | None:
    """How many cells have been run, of how many. None while that cannot be seen."""
    cells = _cells(path, _WATCHED)
    if not cells:
        return None
    return sum(_status(cell) in _ENDED for cell in cells), len(cells)


def error_of(path: Path) -> str | None:
    """The name and the value of the error that ended an executed notebook."""
    for cell in reversed(_cells(path, _LARGEST)):
        for output in _list(cell.get("outputs")):
            if output.get("output_type") == "error":
                text = f"{output.get('ename')}: {output.get('evalue')}"
                return one_line(text.rstrip(": "))
    return None


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


def _fault(path: Path) -> str | None:
    document = _document(path, _LARGEST)
    if document is None:
        return f"it is no JSON object of at most {_LARGEST >> 20} MiB"
    if document.get("nbformat") != 4:
        return f"its nbformat is {one_line(str(document.get('nbformat', 'missing')))}"
    if not isinstance(document.get("cells"), list):
        return "it has no cells"
    metadata = _object(document.get("metadata"))
    language = _object(metadata.get("kernelspec")).get("language") or _object(
        metadata.get("language_info")
    ).get("name")
    if language is not None and str(language).lower() not in ("python", "ipython"):
        return f"it is written in {one_line(str(language))}, and only Python is run here"
    return None


def _document(path: Path, limit: int) -> dict[str, Any] | None:
    content = read_regular(path, limit)
    if content is None:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _cells(path: Path, limit: int) -> list[dict[str, Any]]:
    return _list((_document(path, limit) or {}).get("cells"))


def _status(cell: dict[str, Any]) -> object:
    return _object(_object(cell.get("metadata")).get("papermill")).get("status")


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
