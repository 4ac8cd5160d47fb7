"""Fetching results to a directory, with a bar for each on a terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from execution_broker.cli.context import At
from execution_broker.cli.rendering.words import plain
from execution_broker.client.fetching import place_in
from execution_broker.models.extensions import ResultFile


def fetch_all(at: At, uuid: str, files: Sequence[ResultFile], directory: Path) -> None:
    """Fetch each file to its place below the directory; every place is checked before any."""
    places = [place_in(directory, file) for file in files]
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    quiet = at.json or not at.err.is_terminal
    with Progress(*columns, console=at.err, disable=quiet) as bars:
        for file, place in zip(files, places, strict=True):
            bar = bars.add_task(plain(file.path), total=file.size)

            def tell(done: int, total: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=done, total=total)

            at.client.fetch(uuid, file, place, tell)
            if quiet and not at.json:
                at.out.print(str(place), soft_wrap=True)
    if not at.json:
        at.err.print(f"{len(files)} results are in {directory}.", soft_wrap=True)
