"""The commands of users, over HTTP, from what is typed to what is shown and the exit code."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from execution_broker.cli.exits import Exit
from execution_broker.domain import messages
from execution_broker.models.phases import SessionPhase
from tests.client.fake_broker import FakeBroker, offer
from tests.harness.command import NOTEBOOK, NOWHERE, Broker

FAST = ("--interval", "0.05")


def offered(broker: FakeBroker) -> str:
    return broker.keep(offer(None, 2, 0, SessionPhase.OFFERED))


def accepted(broker: FakeBroker) -> str:
    return broker.keep(offer(None, 2, 0, SessionPhase.ACCEPTED))


@pytest.mark.parametrize(
    ("command", "phase"), [("accept", "ACCEPTED"), ("reject", "REJECTED"), ("cancel", "CANCELLED")]
)
def test_an_offer_is_answered(run: Broker, broker: FakeBroker, command: str, phase: str) -> None:
    uuid = offered(broker)
    ended = run(command, uuid)
    assert ended.code == Exit.DONE
    assert ended.out.startswith(f"{phase}  {uuid}")
    again = run(command, uuid)
    assert again.code == Exit.DONE, "whoever is there already is there"
    if command != "accept":
        refused = run("accept", uuid)
        assert refused.code == Exit.REFUSED
        assert "Possible: CANCELLED" in refused.err
    assert json.loads(run(command, offered(broker), "--json").out)["phase"] == phase


def test_status_shows_the_session(run: Broker, broker: FakeBroker) -> None:
    uuid = offered(broker)
    ended = run("status", uuid)
    assert ended.code == Exit.DONE
    for word in ("OFFERED", uuid, "Expires in ", "lasts 2 h", "data cat.fits", "monetary"):
        assert word in ended.out
    assert json.loads(run("status", uuid, "--json").out)["meta"]["uuid"] == uuid


def test_status_shows_nothing_that_would_steer_a_terminal(run: Broker, broker: FakeBroker) -> None:
    broker.altered = {"meta": {"name": "\x1b[2J[red]sly[/red]\nname"}}
    ended = run("status", offered(broker))
    assert "[red]sly[/red] name" in ended.out
    assert "\x1b" not in ended.out


def test_an_unknown_kind_is_said_once_and_the_rest_is_shown(
    run: Broker, broker: FakeBroker
) -> None:
    broker.altered = {"executable": {"kind": "urn:example:teapot"}}
    ended = run("status", offered(broker))
    assert ended.code == Exit.DONE
    assert "OFFERED" in ended.out
    assert ended.err.count("urn:example:teapot") == 1


def test_watch_writes_a_line_for_each_change(run: Broker, broker: FakeBroker) -> None:
    broker.looks_per_step = 2
    ended = run("watch", accepted(broker), *FAST)
    assert ended.code == Exit.DONE
    lines = [line.split(" ", 1)[1] for line in ended.out.splitlines()]
    phases = [line for line in lines if line.isupper()]
    assert phases == ["ACCEPTED", "PREPARING", "AVAILABLE", "RUNNING", "RELEASING", "COMPLETED"]
    assert "data cat.fits: PREPARING" in lines
    assert "data cat.fits: 25%, 1.0 KiB of 4.0 KiB" in lines
    assert len(lines) == len(set(lines))


def test_watch_writes_json_lines(run: Broker, broker: FakeBroker) -> None:
    ended = run("watch", accepted(broker), "--json", *FAST)
    phases = [json.loads(line)["phase"] for line in ended.out.splitlines()]
    assert phases == ["ACCEPTED", "PREPARING", "AVAILABLE", "RUNNING", "RELEASING", "COMPLETED"]


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        (SessionPhase.COMPLETED, 0),
        (SessionPhase.FAILED, 1),
        (SessionPhase.CANCELLED, 3),
        (SessionPhase.REJECTED, 5),
        (SessionPhase.EXPIRED, 5),
    ],
)
def test_watch_ends_with_the_code_of_the_phase(
    run: Broker, broker: FakeBroker, phase: SessionPhase, code: int
) -> None:
    assert run("watch", broker.keep(offer(None, 1, 0, phase))).code == code


def test_watch_tells_a_session_that_was_cut_off_from_one_that_failed(
    run: Broker, broker: FakeBroker
) -> None:
    failed = offer(None, 1, 0, SessionPhase.FAILED)
    assert failed.meta is not None
    meta = msgspec.structs.replace(failed.meta, messages=(messages.CUT_OFF(end="now"),))
    uuid = broker.keep(msgspec.structs.replace(failed, meta=meta))
    assert run("watch", uuid).code == Exit.CUT_OFF


def test_watch_says_why_a_session_failed(run: Broker, broker: FakeBroker) -> None:
    broker.life = (SessionPhase.FAILED,)
    ended = run("watch", accepted(broker), *FAST)
    assert ended.code == Exit.FAILED
    assert "ERROR data cat.fits: https://example.org/cat.fits could not be read: gone." in ended.out


def _interruptible() -> None:
    """As at a terminal: what a shell runs in the background begins with interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_watch_leaves_the_session_alone(
    broker: FakeBroker, environment: dict[str, str]
) -> None:
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.RUNNING))
    broker.life = ()
    command = [sys.executable, "-m", "execution_broker.cli", "watch", uuid]
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_interruptible,
    ) as process:
        assert process.stdout is not None
        assert "RUNNING" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == Exit.INTERRUPTED
    assert f"broker cancel {uuid}" in err
    assert "Traceback" not in err
    assert broker.paths("POST") == []


def test_logs_are_written_byte_by_byte(run: Broker, broker: FakeBroker) -> None:
    broker.streams = {"stdout": b"one\ntwo\n", "stderr": b"oh\n"}
    uuid = accepted(broker)
    assert run("logs", uuid).out == "one\ntwo\n"
    assert run("logs", uuid, "--stderr").out == "oh\n"
    assert json.loads(run("logs", uuid, "--json").out) == {"stream": "stdout", "text": "one\ntwo\n"}
    followed = run("logs", uuid, "--follow", *FAST)
    assert (followed.code, followed.out) == (Exit.DONE, "one\ntwo\n")


def test_results_are_listed_and_fetched(run: Broker, broker: FakeBroker, tmp_path: Path) -> None:
    broker.outputs = {"fit.fits": b"x" * 2048, "plots/a.png": b"png"}
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.COMPLETED))
    listed = run("results", uuid)
    assert listed.code == Exit.DONE
    assert "plots/a.png" in listed.out
    assert "2.0 KiB" in listed.out
    target = tmp_path / "results"
    fetched = run("results", uuid, "--output", str(target))
    assert fetched.code == Exit.DONE
    assert (target / "fit.fits").read_bytes() == b"x" * 2048
    assert (target / "plots" / "a.png").read_bytes() == b"png"
    assert str(target / "plots" / "a.png") in fetched.out
    as_json = json.loads(run("results", uuid, "--json").out)
    assert [file["path"] for file in as_json["results"]] == ["fit.fits", "plots/a.png"]


def test_nothing_to_fetch_is_said(run: Broker, broker: FakeBroker, tmp_path: Path) -> None:
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.COMPLETED))
    ended = run("results", uuid, "--output", str(tmp_path / "results"))
    assert ended.code == Exit.DONE
    assert "No results are kept" in ended.out


def test_one_bad_result_does_not_keep_the_others_from_being_fetched(
    run: Broker, broker: FakeBroker, tmp_path: Path
) -> None:
    broker.outputs = {"a.txt": b"a", "bad.txt": b"bad", "../out.txt": b"out", "z.txt": b"z"}
    broker.damaged = {"bad.txt"}
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.COMPLETED))
    target = tmp_path / "results"
    ended = run("results", uuid, "--output", str(target))
    assert ended.code == Exit.DOWNLOAD
    assert sorted(file.name for file in target.iterdir()) == ["a.txt", "z.txt"]
    assert "bad.txt: expected sha256" in ended.err
    assert "'../out.txt', which would lie outside" in ended.err
    assert "2 of 4 results are in" in ended.err


def test_watch_and_run_wait_for_the_results_of_what_failed(run: Broker, broker: FakeBroker) -> None:
    broker.outputs, broker.collecting = {"log.txt": b"x"}, 1
    broker.life = (SessionPhase.FAILED,)
    assert run("watch", accepted(broker), *FAST).code == Exit.FAILED
    assert broker.collecting == 0
    broker.collecting = 1
    ended = run("run", *NOTEBOOK, *FAST)
    assert ended.code == Exit.FAILED
    assert "log.txt" in ended.out


def test_damaged_results_are_not_kept(run: Broker, broker: FakeBroker, tmp_path: Path) -> None:
    broker.outputs, broker.damaged = {"fit.fits": b"fine"}, {"fit.fits"}
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.COMPLETED))
    ended = run("results", uuid, "--output", str(tmp_path / "results"))
    assert ended.code == Exit.DOWNLOAD
    assert "expected sha256" in ended.err
    assert list((tmp_path / "results").iterdir()) == []


def test_run_does_it_all(run: Broker, broker: FakeBroker) -> None:
    broker.outputs = {"fit.fits": b"x"}
    ended = run("run", *NOTEBOOK, *FAST)
    first = next(iter(broker.sessions))
    assert ended.code == Exit.DONE
    assert broker.sessions[first].phase is SessionPhase.COMPLETED
    assert "COMPLETED" in ended.out
    assert "fit.fits" in ended.out
    assert f"broker results {first} --output DIR" in ended.err


def test_run_stops_at_a_no(run: Broker, broker: FakeBroker) -> None:
    ended = run("run", *NOTEBOOK, "--cores", "16")
    assert ended.code == Exit.NO
    assert "compute.cores.min = 4" in ended.out
    assert broker.paths("POST") == ["/requests"]


def test_run_writes_json_lines(run: Broker) -> None:
    lines = [json.loads(line) for line in run("run", *NOTEBOOK, "--json", *FAST).out.splitlines()]
    assert lines[0]["phase"] == "ACCEPTED"
    assert lines[-2]["phase"] == "COMPLETED"
    assert "phase" not in lines[-1]


@pytest.mark.parametrize("command", ["status", "accept", "watch", "logs", "results"])
def test_a_session_that_is_not_there(run: Broker, command: str) -> None:
    ended = run(command, NOWHERE)
    if command == "logs":
        assert ended.code == Exit.DONE, "the fake has streams without sessions"
        return
    assert ended.code == Exit.NOT_FOUND
    assert "There is no such session." in ended.err
    assert "Check the UUID" in ended.err


def test_what_is_no_uuid(run: Broker, broker: FakeBroker) -> None:
    ended = run("status", "12")
    assert ended.code == Exit.USAGE
    assert "'12' is not a UUID" in ended.err
    assert broker.calls == []


def test_errors_are_json_where_answers_are(run: Broker) -> None:
    ended = run("status", NOWHERE, "--json")
    error = json.loads(ended.err)["error"]
    assert (error["code"], error["problem"]["status"]) == ("refused", 404)
    assert ended.out == ""
