"""What the doctor says: one line for each thing it looked at."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from execution_broker.cli.rendering.words import plain


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """`what` was found, and, unless that is well, what to do about it."""

    name: str
    state: State
    what: str
    remedy: str = ""


def ok(name: str, what: str) -> Finding:
    return Finding(name, State.OK, what)


def warn(name: str, what: str, remedy: str) -> Finding:
    return Finding(name, State.WARN, what, remedy)


def fail(name: str, what: str, remedy: str) -> Finding:
    return Finding(name, State.FAIL, what, remedy)


_STYLES: Final = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def report(findings: Sequence[Finding]) -> RenderableType:
    """Every line, remedies below theirs, and a last one that sums up."""
    width = max(len(one.name) for one in findings)
    lines: list[Text] = []
    for one in findings:
        mark = (f"{one.state.value:<4}", _STYLES[one.state])
        lines.append(Text.assemble(mark, f"  {one.name:<{width}}  {plain(one.what)}"))
        if one.remedy:
            lines.append(Text(f"      {'':<{width}}  → {plain(one.remedy)}"))
    count = {state: sum(one.state is state for one in findings) for state in State}
    lines.append(Text(f"{count[State.OK]} ok, {count[State.WARN]} warn, {count[State.FAIL]} fail"))
    return Group(*lines)
