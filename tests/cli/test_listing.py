"""What one has, and what happened to it: asked of a real broker, in a shell as well."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from execution_broker.cli.exits import Exit
from tests.cli.lived import Lived, lived
from tests.harness.command import Broker

__all__ = ["lived"]


def test_sessions_are_listed_newest_first(lived: Lived) -> None:
    ended = lived.run("list")
    assert ended.code == Exit.DONE
    header, *rows = ended.out.splitlines()
    assert header.split() == ["phase", "name", "start", "(UTC)", "duration", "platform", "uuid"]
    of = {row.split()[-1]: row.split() for row in rows}
    assert of[lived.ran][:2] == ["COMPLETED", "fit"]
    assert of[lived.cancelled][:2] == ["CANCELLED", "draw"]
    uuids = [row.split()[-1] for row in rows]
    assert uuids == [lived.cancelled, lived.ran], "offers are not sessions"


def test_offers_are_a_list_of_their_own(lived: Lived) -> None:
    ended = lived.run("list", "--offers")
    of = {row.split()[-1]: row.split() for row in ended.out.splitlines()[1:]}
    assert of[lived.offered][:2] == ["OFFERED", "draw"]
    assert "here" in of[lived.offered]
    assert "2 h" in " ".join(of[lived.offered]), "what is promised"
    assert {row[0] for row in of.values()} <= {"OFFERED", "REJECTED", "EXPIRED"}


@pytest.mark.parametrize(
    ("arguments", "shows"),
    [
        (("--phase", "completed"), {"ran"}),
        (("--phase", "COMPLETED", "--phase", "CANCELLED", "--name", "fit"), {"ran"}),
        (("--name", "nothing"), set()),
        (("--since", "PT1H", "--phase", "CANCELLED"), {"cancelled"}),
        (("--until", "PT1H"), set()),
        (("--since", "2999-01-01"), set()),
    ],
    ids=str,
)
def test_a_list_is_narrowed(lived: Lived, arguments: tuple[str, ...], shows: set[str]) -> None:
    found = {one["uuid"] for one in lived.listed(*arguments)}
    named = {"ran": lived.ran, "cancelled": lived.cancelled, "offered": lived.offered}
    assert {name for name, uuid in named.items() if uuid in found} == shows
    if not shows:
        assert found == set()
        assert "No sessions." in lived.run("list", *arguments).out


def test_a_list_ends_at_its_limit_and_says_so(lived: Lived) -> None:
    whole = lived.listed("--offers")
    assert lived.listed("--offers", "--limit", "1") == whole[:1]
    assert lived.listed("--offers", "--limit", str(len(whole) - 1)) == whole[:-1]
    short = lived.run("list", "--offers", "-n", "2")
    assert len(short.out.splitlines()) == 3
    assert "more than these 2" in short.err
    assert lived.run("list", "--offers", "-n", str(len(whole))).err == ""


def test_offer_sets_are_listed(lived: Lived) -> None:
    found = lived.listed("--offersets")
    assert [one["result"] for one in found] == ["NO", "YES", "YES", "YES"]
    shown = lived.run("list", "--offersets").out
    assert [row.split()[0] for row in shown.splitlines()] == ["answer", "NO", "YES", "YES", "YES"]
    assert len(lived.listed("--offersets", "--limit", "2")) == 2
    assert "No offer sets." in lived.run("list", "--offersets", "--until", "P1D").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--since", "yesterday"), "--since is 'yesterday', which is no time"),
        (("--until", "P1X"), "--until is 'P1X'"),
        (("--offersets", "--name", "fit"), "neither a phase nor a name"),
        (("--offers", "--phase", "FAILED"), "--offers says which phases"),
        (("--phase", "SLEEPING"), "SLEEPING"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_says_how(lived: Lived, arguments: tuple[str, ...], says: str) -> None:
    ended = lived.run("list", *arguments)
    assert (ended.code, says in ended.err) == (Exit.USAGE, True), ended.err


@pytest.mark.parametrize("follow", [(), ("--follow",)], ids=["now", "follow"])
def test_events_tell_the_whole_story(lived: Lived, follow: tuple[str, ...]) -> None:
    ended = lived.run("events", lived.ran, *follow)
    assert ended.code == Exit.DONE
    told = [line.split(maxsplit=4) for line in ended.out.splitlines()]
    assert [int(number) for _, number, *_ in told] == list(range(1, len(told) + 1))
    phases = [said for *_, who, type_, said in told if (who, type_) == ("session", "session-phase")]
    assert phases[:2] == ["OFFERED", "ACCEPTED"]
    assert phases[-2:] == ["RELEASING", "COMPLETED"]
    assert any(type_ == "step-end" for *_, type_, _ in told)


def test_events_are_written_as_json(lived: Lived) -> None:
    whole = json.loads(lived.run("events", lived.ran, "--json").out)
    lines = lived.run("events", lived.ran, "--json", "--follow").out.splitlines()
    assert [json.loads(line) for line in lines] == whole
    assert len(whole) == whole[-1]["number"]


def test_a_log_that_grows_is_followed(lived: Lived) -> None:
    """From before its offer is answered until what it held is given back."""
    offered = json.loads(lived._request("later").out)["offers"][0]["meta"]["uuid"]
    command = [sys.executable, "-m", "execution_broker.cli", "events", offered, "--follow"]
    with subprocess.Popen(
        command, env={**_outside(), **lived.environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "OFFERED" in next(line for line in process.stdout if "session-phase" in line)
        assert lived.run("reject", offered).code == Exit.DONE
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == Exit.DONE
    assert "session-phase REJECTED" in rest


def test_no_events_of_no_session(lived: Lived) -> None:
    assert lived.run("events", str(uuid4())).code == Exit.NOT_FOUND


@pytest.mark.parametrize(
    ("command", "offers"),
    [
        ("status", {"ran", "cancelled", "offered"}),
        ("events", {"ran", "cancelled", "offered"}),
        ("watch", {"offered"}),
        ("cancel", {"offered"}),
        ("accept", {"offered"}),
    ],
)
def test_uuids_are_completed(lived: Lived, command: str, offers: set[str]) -> None:
    known = {"ran": lived.ran, "cancelled": lived.cancelled, "offered": lived.offered}
    said = completed(lived.run, f"broker {command} ")
    assert {name for name, uuid in known.items() if uuid in said} == offers
    for name in offers:
        begun = completed(lived.run, f"broker {command} {known[name][:9]}")
        assert known[name] in begun
        assert all(uuid.startswith(known[name][:9]) for uuid in begun)
    assert completed(lived.run, f"broker {command} zz") == []


def test_options_that_were_typed_count_for_completion(lived: Lived, nobody: str) -> None:
    here = lived.environment["BROKER_URL"]
    assert lived.ran in completed(lived.run, f"broker status --url {here} ", BROKER_URL=nobody)


@pytest.mark.parametrize(
    "changes",
    [
        {"BROKER_URL": "no address"},
        {"BROKER_PASSWORD": "wrong"},
        {"BROKER_PASSWORD": None},
        {"BROKER_PASSWORD_FILE": "/no/such/file"},
    ],
    ids=str,
)
def test_completion_is_silent_where_nothing_is_known(
    lived: Lived, changes: Mapping[str, str | None]
) -> None:
    assert completed(lived.run, "broker status ", **changes) == []


def test_completion_is_silent_and_brief_where_nobody_answers(lived: Lived, nobody: str) -> None:
    assert completed(lived.run, "broker status ", BROKER_URL=nobody) == []
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        began = time.monotonic()
        assert completed(lived.run, "broker status ", BROKER_URL=url) == []
        assert time.monotonic() - began < 10, "it waits for a second, on a slow machine"


def test_bash_itself_completes_a_uuid(lived: Lived, tmp_path: Path) -> None:
    """With the script that `--show-completion` writes, in a shell."""
    program = f'#!/bin/sh\nexec "{sys.executable}" -m execution_broker.cli "$@"\n'
    (tmp_path / "broker").write_text(program)
    (tmp_path / "broker").chmod(0o755)
    script = f"""
eval "$(_BROKER_COMPLETE=source_bash broker)"
COMP_WORDS=(broker status {lived.ran[:13]})
COMP_CWORD=2
_broker_completion broker
echo "${{COMPREPLY[@]}}"
"""
    ended = subprocess.run(
        ["bash", "-c", script],
        env={
            **_outside(),
            **lived.environment,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.split() == [lived.ran], ended.stderr


def completed(run: Broker, words: str, **changes: str | None) -> list[str]:
    """What bash's protocol offers for the last word of a line; nothing is written beside it."""
    asked = {
        "_BROKER_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    ended = run(**asked, **changes)
    assert ended.err == ""
    return ended.out.split()


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BROKER")}
