"""Bookings are written in one module, with a decision that was made under the lock (B5)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from execution_broker.storage.statements import statements
from tests.architecture.project import SOURCE, source_files, tree_of

_WRITES = re.compile(r"\b(INSERT INTO|UPDATE) booking\b")
_OWN = SOURCE / "storage" / "bookings.py"


def deciders() -> set[str]:
    """The files that decide about capacity, below the source."""
    return {
        str(file.relative_to(SOURCE))
        for file in source_files()
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "bookings.decide"
    }


def test_what_writes_bookings_is_told_the_time_and_the_version() -> None:
    writing = _writing()
    assert writing
    for name in writing:
        text = statements()[name]
        assert ":version" in text, name
        assert ":now" in text, name
        assert "{clock}" not in text, name


def test_bookings_are_written_in_one_module_with_a_decision() -> None:
    writing = _writing()
    found = {
        (file, function)
        for file in source_files()
        for function, text in _texts(file)
        if text in writing
    }
    assert {file for file, _ in found} == {_OWN}
    takes = {
        node.name
        for node in ast.walk(tree_of(_OWN))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for argument in node.args.args
        if argument.annotation is not None and ast.unparse(argument.annotation) == "Decision"
    }
    assert {function for _, function in found} <= takes


def test_a_decision_is_made_under_the_lock_alone() -> None:
    makers = {
        (file, function)
        for file in source_files()
        for function, call in _calls(file)
        if call in {"Decision", "bookings.Decision", "Decision._make"}
    }
    assert makers == {(_OWN, "decide")}


def _writing() -> set[str]:
    return {name for name, text in statements().items() if _WRITES.search(text)}


def _texts(file: Path) -> Iterator[tuple[str, str]]:
    for function, node in _nodes(file):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield function, node.value


def _calls(file: Path) -> Iterator[tuple[str, str]]:
    for function, node in _nodes(file):
        if isinstance(node, ast.Call):
            yield function, ast.unparse(node.func)


def _nodes(file: Path) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the outermost function that it is in."""
    for top in tree_of(file).body:
        for node in ast.walk(top):
            yield getattr(top, "name", ""), node
