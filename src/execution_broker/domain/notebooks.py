"""Notebooks as documents: whether one can be run at all, and the language it is written in."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

PYTHON: Final = "python"
MOST: Final = 64 << 20
"""Bytes of a notebook, at most."""

_FORMATS: Final = (3, 4)
_PYTHON: Final = re.compile(r"i?python[\d.]*", re.IGNORECASE)
_OTHER_KERNELS: Final = re.compile(
    r"(ir|julia|bash|octave|matlab|javascript|deno|scala|almond|rust|evcxr|gophernotes|xcpp|"
    r"sagemath|idl|gnuplot|ruby|iruby|perl|haskell|ihaskell|kotlin|csharp|\.net)\b",
    re.IGNORECASE,
)
_NAMES: Final = {"ir": "R"}


class Traits(msgspec.Struct, frozen=True):
    """The `language` it is written in. `fault`: why no tool could run it."""

    language: str = PYTHON
    fault: str | None = None


def traits(content: bytes) -> Traits:
    """What the content of a notebook tells of it, whatever the content is.

    What names no language is Python, as it is for Jupyter: kernels have names of all kinds.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Traits(fault="it is no JSON object")
    format_ = document.get("nbformat")
    if format_ not in _FORMATS:
        said = "missing" if format_ is None else str(format_)[:20]
        return Traits(fault=f"its nbformat is {said}, and that of what is run here is 3 or 4")
    cells = _cells(document)
    if cells is None:
        return Traits(fault="it has no cells")
    return Traits(_language(document, cells))


def code_cells(content: bytes) -> Iterator[tuple[str, frozenset[str]]]:
    """The source of each code cell and its tags, of a notebook without a fault."""
    for cell in map(_object, _cells(json.loads(content)) or ()):
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input"))
        lines = source if isinstance(source, list) else [source]
        tags = _object(cell.get("metadata")).get("tags")
        yield (
            "".join(line for line in lines if isinstance(line, str)),
            frozenset(tag for tag in tags if isinstance(tag, str))
            if isinstance(tags, list)
            else frozenset(),
        )


def _cells(document: dict[str, Any]) -> list[Any] | None:
    """Those of version 3 lie in worksheets."""
    if document["nbformat"] > 3:
        cells = document.get("cells")
        return cells if isinstance(cells, list) else None
    sheets = document.get("worksheets")
    if not isinstance(sheets, list):
        return None
    found = [_object(sheet).get("cells") for sheet in sheets]
    return [one for cells in found if isinstance(cells, list) for one in cells]


def _language(document: dict[str, Any], cells: list[Any]) -> str:
    metadata = _object(document.get("metadata"))
    kernel = _object(metadata.get("kernelspec"))
    told = (
        kernel.get("language"),
        _object(metadata.get("language_info")).get("name"),
        *(_object(cell).get("language") for cell in cells[:1]),
    )
    for language in told:
        if isinstance(language, str) and language.strip():
            name = language.strip()
            return PYTHON if _PYTHON.fullmatch(name) else name[:40]
    known = _OTHER_KERNELS.match(str(kernel.get("name") or "").lower())
    return _NAMES.get(known[1], known[1]) if known else PYTHON


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
