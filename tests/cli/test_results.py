"""Lists of results, which may be long."""

import os
import pty
from pathlib import Path

import pytest
from rich.console import Console

from execution_broker.cli.context import Output
from execution_broker.cli.rendering.results import results
from execution_broker.models.extensions import ResultFile, ResultList
from tests.cli.test_rendering import text


def test_of_many_results_the_first_are_listed() -> None:
    files = (ResultFile(path=f"f{n}", size=1, sha256="0", url="/") for n in range(30_000))
    shown = text(results(ResultList(results=tuple(files)), most=2)).splitlines()
    assert [line.split()[0] for line in shown] == ["result", "f0", "f1", "and"]
    assert shown[-1].rstrip() == "and 29998 more; 30000 in all, 29.3 KiB"


@pytest.mark.parametrize(("lines", "paged"), [(24, 1), (23, 0)])
def test_what_is_longer_than_the_terminal_is_paged(
    lines: int, paged: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = tmp_path / "pages"
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\necho page >> {pages}\ncat > /dev/null\n")
    pager.chmod(0o755)
    monkeypatch.setenv("MANPAGER", str(pager))
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as changed:
        changed.setattr("sys.stdin", terminal)
        changed.setattr("sys.stdout", terminal)
        console = Console(file=terminal, force_terminal=True, width=80, height=24)
        Output(out=console, err=console, json=False).print_long("one line", lines)
    os.close(ours)
    assert (pages.read_text().count("page") if pages.exists() else 0) == paged
