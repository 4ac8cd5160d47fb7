"""The program that a batch is: it fills in the parameters of a notebook and executes it.

    python -I runner.py SOURCE TARGET [--parameters FILE] [--prepare-only]
                        [--told FILE] [--output-wait SECONDS]

The Python of the notebooks runs it, which need not have the broker: it imports the standard library
and papermill with what that brings, and nothing of ours. It does what Jupyter's own tools do, on
top of papermill: an error that a cell (tag `raises-exception`) or the notebook (`allow_errors`)
wants ends nothing, and whatever the metadata say or lack, the kernel is the session's `python3`.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import re
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import nbformat
from nbclient.exceptions import DeadKernelError
from nbformat.v4.rwbase import split_lines
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager
from papermill.execute import execute_notebook

_KERNEL: Final = {"name": "python3", "display_name": "Python 3", "language": "python"}
_ALLOWING: Final = ("execution", "jupyter", "nbsphinx")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SLOW: Final = 0.25
_SHARE: Final = 10
_PIECE: Final = 1 << 16
_MUCH: Final = 1 << 24


def main(arguments: Sequence[str]) -> int:
    warnings.simplefilter("ignore")  # what is said on stderr is what the notebook says
    given = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    document = _prepared(given)
    if given.prepare_only:
        _write(document, given)
        return 0
    told = _Told(given.told, len(document.cells))
    reason = _executed(document, given, told)
    if reason is None:
        return 0
    told.end(reason)
    return 1


class _Told:
    """What is told of how far it is, and why it ended: one JSON object, written as a whole."""

    def __init__(self, file: Path | None, cells: int) -> None:
        self._file = file
        self._values: dict[str, Any] = {"done": 0, "cells": cells}

    def done(self, cells: int) -> None:
        self._write(done=cells)

    def end(self, reason: str) -> None:
        self._write(reason=reason[:10_000])

    def _write(self, **values: object) -> None:
        self._values.update(values)
        if self._file is not None:
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(self._values), "utf-8")
            temporary.replace(self._file)


class _Manager(NotebookExecutionManager):  # type: ignore[misc]
    """Saves the notebook as far as it has been executed. Where that takes long, as its outputs are
    large, it is done seldom, and in any case at the end."""

    def __init__(self, document: Any, given: argparse.Namespace, told: _Told) -> None:
        super().__init__(document, progress_bar=False)
        self._given = given
        self._told = told
        self._rests_until = 0.0

    def save(self, **kwargs: Any) -> None:
        began = time.monotonic()
        if began < self._rests_until:
            return
        _write(self.nb, self._given)
        self.last_save_time = self.now()
        took = time.monotonic() - began
        self._rests_until = began + took * _SHARE if took > _SLOW else 0.0

    def cell_start(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        self._told.done(cell_index or 0)
        super().cell_start(cell, cell_index, **kwargs)

    def notebook_complete(self, **kwargs: Any) -> None:
        self._rests_until = 0.0
        super().notebook_complete(**kwargs)


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    def log_output_message(self, output: Any) -> None:
        """Pass on what it prints, piece by piece; papermill itself takes many times its size of
        memory for that."""
        if output.output_type != "stream":
            return
        file = self.stdout_file if output.name == "stdout" else self.stderr_file
        for start in range(0, len(output.text), _PIECE):
            file.write(output.text[start : start + _PIECE])
        file.flush()


def _executed(document: Any, given: argparse.Namespace, told: _Told) -> str | None:
    """Execute it, and keep it in the target as far as it came. Why it failed, or None."""
    manager = _Manager(document, given, told)
    with _stream("stdout") as out, _stream("stderr") as err:
        client = _Client(
            manager,
            kernel_name=_KERNEL["name"],
            allow_errors=_allows_errors(document.metadata),
            iopub_timeout=given.output_wait,
            startup_timeout=120,
            timeout=None,
            stdout_file=out,
            stderr_file=err,
        )
        manager.notebook_start()
        try:
            client.execute()
        except DeadKernelError:
            return "The kernel died, of too little memory or of a crash in compiled code"
        except TimeoutError:
            return f"The output of a cell did not come within {given.output_wait} s of its end"
        finally:
            manager.notebook_complete()
    failed = [cell for cell in document.cells if cell.metadata.papermill.get("exception")]
    if failed:
        return _reason(failed[0])
    told.done(len(document.cells))
    return None


def _write(document: Any, given: argparse.Namespace) -> None:
    """The target is the notebook, whole at any time. Written piece by piece, and texts line by line
    only where there are not many: all of it in memory once more could be too much."""
    printed = (output.get("text") for cell in document.cells for output in cell.get("outputs", ()))
    if sum(len(text) for text in printed if text) < _MUCH:
        document = split_lines(copy.deepcopy(document))
    temporary = given.source.with_suffix(".new")
    with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(document, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
    temporary.replace(given.target)


def _stream(name: str) -> TextIO:
    return Path("/dev", name).open("w", encoding="utf-8", errors="backslashreplace")


def _reason(cell: Any) -> str | None:
    """The error that ended it, after it was told as Python tells it; None for `sys.exit()`."""
    errors = [output for output in cell.get("outputs", ()) if output.output_type == "error"]
    if not errors:
        return "a cell failed without an error"
    last = errors[-1]
    if last.ename == "SystemExit" and last.evalue in ("", "0", "None"):
        return None
    sys.stderr.write(_COLOURS.sub("", "\n".join(last.traceback)).rstrip("\n") + "\n")
    return f"{last.ename}: {last.evalue}".rstrip(": ")


def _prepared(given: argparse.Namespace) -> Any:
    """The notebook in the latest format, with its parameters and metadata that tools can rely on.
    What is written into it are file names, not where the broker has its files."""
    # What was of version 3 comes in types of version 3.
    document = nbformat.from_dict(nbformat.reads(given.source.read_text("utf-8"), as_version=4))
    metadata = document.metadata
    if not isinstance(metadata.get("kernelspec"), dict) or not metadata.kernelspec.get("name"):
        metadata["kernelspec"] = nbformat.from_dict(_KERNEL)
    for cell in document.cells:
        if not isinstance(cell.metadata.get("tags", []), list):
            del cell.metadata["tags"]
        if cell.cell_type == "code":
            cell.setdefault("outputs", [])
    parameters = json.loads(given.parameters.read_text("utf-8")) if given.parameters else None
    prepared = execute_notebook(
        document,
        None,
        parameters,
        prepare_only=True,
        kernel_name=_KERNEL["name"],
        language=_KERNEL["language"],
        progress_bar=False,
    )
    prepared.metadata.papermill.update(input_path=given.target.name, output_path=given.target.name)
    return prepared


def _allows_errors(metadata: Any) -> bool:
    """Whether the notebook as a whole wants its errors, in the words of one of the tools."""
    sections = [metadata, *(metadata.get(name) for name in _ALLOWING)]
    return any(isinstance(one, dict) and one.get("allow_errors") is True for one in sections)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--parameters", type=Path)
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument("--told", type=Path)
    parser.add_argument("--output-wait", type=int, default=600)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
