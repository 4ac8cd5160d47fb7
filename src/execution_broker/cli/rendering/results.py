"""The results of a session."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering import words
from execution_broker.models.extensions import ResultFile


def results(files: Sequence[ResultFile]) -> RenderableType:
    """A table of what was kept, or one line that says that nothing was."""
    if not files:
        return Text("No results are kept for this session.")
    table = Table(box=None, header_style="bold")
    table.add_column("result", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("sha256", overflow="fold")
    for file in files:
        table.add_row(Text(words.plain(file.path)), words.size(file.size), words.plain(file.sha256))
    total = sum(file.size for file in files)
    return Group(table, Text(f"{len(files)} in all, {words.size(total)}"))
