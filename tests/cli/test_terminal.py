"""The command line on a terminal: colours there and nowhere else, and words completed."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

BROKER = [sys.executable, "-m", "execution_broker.cli"]
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")
WRONG = ("db", "status", "--config", "/nowhere/at/all.toml")


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BROKER")}
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS"):
        ours.pop(name, None)
    return {**ours, "TERM": "xterm-256color", **changes}


def on_terminal(*arguments: str, **changes: str) -> str:
    """What a terminal is sent, by both streams."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*BROKER, *arguments], stdout=theirs, stderr=theirs, env=environment(changes)
    )
    os.close(theirs)
    said = b""
    while part := _read(ours):
        said += part
    process.wait(60)
    os.close(ours)
    return said.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""  # the other end is closed


def piped(*arguments: str, **changes: str) -> str:
    ended = subprocess.run(
        [*BROKER, *arguments],
        env=environment(changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("command", [("--help",), WRONG], ids=["help", "error"])
def test_colours_are_for_terminals_that_want_them(command: tuple[str, ...]) -> None:
    assert COLOUR.search(on_terminal(*command))
    assert not COLOUR.search(on_terminal(*command, NO_COLOR="1"))
    assert "\x1b" not in piped(*command)


def test_an_error_is_the_same_words_everywhere() -> None:
    told = piped(*WRONG)
    assert told.startswith("Error: The configuration /nowhere/at/all.toml cannot be read")
    assert "→ Give the path of a TOML file" in told


@pytest.mark.parametrize(
    ("shell", "typed", "offered"),
    [
        ("bash", "re", {"request", "results", "reject"}),
        ("zsh", "plugins new ", {"platform", "data-kind", "transfer"}),
        ("fish", "run --mode ", {"INTERACTIVE", "BATCH"}),
        ("fish", "run --no", {"--notebook"}),
    ],
)
def test_words_are_completed(shell: str, typed: str, offered: set[str]) -> None:
    words = f"broker {typed}"
    asked = {
        "_BROKER_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words.rpartition(" ")[2],
    }
    said = piped(**asked)
    assert offered <= set(re.findall(r"[A-Za-z-]+", said)), said


def test_bash_itself_completes(tmp_path: Path) -> None:
    """With the script that `--show-completion` writes, in a shell."""
    program = f'#!/bin/sh\nexec "{sys.executable}" -m execution_broker.cli "$@"\n'
    (tmp_path / "broker").write_text(program)
    (tmp_path / "broker").chmod(0o755)
    script = """
eval "$(_BROKER_COMPLETE=source_bash broker)"
COMP_WORDS=(broker acc)
COMP_CWORD=1
_broker_completion broker
echo "${COMPREPLY[@]}"
"""
    ended = subprocess.run(
        ["bash", "-c", script],
        env=environment({"PATH": f"{tmp_path}:{os.environ['PATH']}"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.split() == ["accept"], ended.stderr
