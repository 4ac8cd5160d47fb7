"""Time, environment and randomness are arguments (rule 3); no error disappears."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.project import SOURCE, name_of, source_files, tree_of

CLOCKS_AND_DICE = {"now", "utcnow", "today", "uuid1", "uuid4"}
"""What could still be called: an import contract keeps out modules with more of it."""


def test_words_and_rules_look_at_no_clock_and_throw_no_dice() -> None:
    found = [
        f"{name_of(file)}:{call.lineno} calls {_called(call)}"
        for part in ("models", "domain")
        for file in sorted((SOURCE / part).rglob("*.py"))
        for call in _calls(file)
        if _called(call) in CLOCKS_AND_DICE
    ]
    assert found == []


def test_words_and_rules_open_no_file() -> None:
    found = [
        f"{name_of(file)}:{call.lineno}"
        for part in ("models", "domain")
        for file in sorted((SOURCE / part).rglob("*.py"))
        for call in _calls(file)
        if _called(call) in {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
    ]
    assert found == []


def test_only_the_configuration_reads_the_environment() -> None:
    readers = {
        name_of(file)
        for file in source_files()
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    }
    assert readers == {"src/execution_broker/config/__init__.py"}


def test_no_error_disappears() -> None:
    """A broad except either raises again or says on its line why it may be so broad."""
    found = [
        f"{name_of(file)}:{handler.lineno}"
        for file in source_files()
        for handler in ast.walk(tree_of(file))
        if isinstance(handler, ast.ExceptHandler)
        and _is_broad(handler)
        and not _raises_again(handler)
        and not _is_explained(file, handler)
    ]
    assert found == []


def test_no_test_patches_our_own_code() -> None:
    root = SOURCE.parents[1] / "tests"
    found = [
        f"{name_of(file)}:{call.lineno}"
        for file in sorted(root.rglob("*.py"))
        for call in _calls(file)
        if _called(call) in {"patch", "setattr"} and _owner(call) in {"mock", "monkeypatch"}
    ]
    assert found == []


def _calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(file)) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _owner(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(value=ast.Name(id=name)):
            return name
    return ""


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    return caught is None or (
        isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"}
    )


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise)


def _is_explained(file: Path, handler: ast.ExceptHandler) -> bool:
    line = file.read_text("utf-8").splitlines()[handler.lineno - 1]
    return handler.type is not None and "  # " in line
