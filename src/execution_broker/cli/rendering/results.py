"""The results of a session."""

from collections.abc import Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering import words
from execution_broker.models.extensions import ResultList, ResultState

_NOTHING: Final[Mapping[ResultState | None, str]] = {
    None: "No results are kept for this session.",
    "PENDING": "The session has not ended: its results are collected when it has.",
    "COLLECTING": "The results are being collected: ask again.",
    "COLLECTED": "No results are kept for this session.",
}


def results(listed: ResultList, most: int | None = None) -> RenderableType:
    """A table of the first `most` files that were kept, or one line that says why there is none."""
    files = listed.results
    if not files:
        return Text(_NOTHING[listed.state])
    table = Table(box=None, header_style="bold")
    table.add_column("result", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("sha256", overflow="fold")
    shown = files[:most]
    for file in shown:
        table.add_row(Text(words.plain(file.path)), words.size(file.size), words.plain(file.sha256))
    total = sum(file.size for file in files)
    more = f"and {len(files) - len(shown)} more; " if len(shown) < len(files) else ""
    return Group(table, Text(f"{more}{len(files)} in all, {words.size(total)}"))
