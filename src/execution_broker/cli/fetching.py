"""Fetching results to a directory, with a bar for each on a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from execution_broker.cli.context import At
from execution_broker.cli.exits import Exit
from execution_broker.cli.failing import exit_of, tell, tell_json
from execution_broker.cli.rendering.words import plain
from execution_broker.client import Unanswered, Unreachable
from execution_broker.client.fetching import place_in
from execution_broker.domain.errors import BrokerError
from execution_broker.models.extensions import ResultFile

_COLUMNS: Final = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
)


def fetch_all(at: At, uuid: str, files: Sequence[ResultFile], directory: Path) -> Exit:
    """Fetch each file to its place below the directory. One that cannot be is told and left out;
    the exit code is that of the first. Unreachable and Unanswered end it: so would all others."""
    failed: list[Exit] = []
    quiet = at.json or not at.err.is_terminal
    with Progress(*_COLUMNS, console=at.err, disable=quiet) as bars:
        for file in files:
            bar = bars.add_task(plain(file.path), total=file.size)

            def show(done: int, total: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=done, total=total)

            try:
                place = at.client.fetch(uuid, file, place_in(directory, file), show)
            except (Unreachable, Unanswered):
                raise
            except BrokerError as error:
                failed.append(exit_of(error))
                tell_json(error) if at.json else tell(error, at.err)
                continue
            if quiet and not at.json:
                at.out.print(str(place), soft_wrap=True)
    if not at.json:
        fetched = f"{len(files) - len(failed)} of {len(files)}" if failed else f"{len(files)}"
        at.err.print(f"{fetched} results are in {directory}.", soft_wrap=True)
    return failed[0] if failed else Exit.DONE
