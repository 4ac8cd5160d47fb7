"""`broker request` over HTTP: from what is typed to what is sent, shown, and the exit code."""

import json
import re
from pathlib import Path

import pytest
import yaml

from execution_broker.cli.exits import Exit
from execution_broker.models import kinds
from tests.client.fake_broker import FakeBroker
from tests.harness.command import NOTEBOOK, Broker


def test_request_shows_what_each_offer_is_and_how_to_take_it(
    run: Broker, broker: FakeBroker
) -> None:
    ended = run("request", *NOTEBOOK, "--cores", "2")
    assert ended.code == Exit.DONE
    header, first, second, _, take_first, take_second = map(str.strip, ended.out.splitlines()[1:])
    for word in ("starts", "lasts", "cores", "memory", "monetary", "compute-performance"):
        assert word in header
    assert "2 h" in first
    assert "0.1 to 0.12" in first
    assert re.search(r"(4 min 5\d s|5 min)$", first)
    assert second.startswith("2")
    for uuid, line in zip(broker.sessions, (take_first, take_second), strict=True):
        assert f"broker accept {uuid}" in line


def test_request_asks_for_what_else_is_counted(run: Broker, broker: FakeBroker) -> None:
    run("request", *NOTEBOOK, "--amount", "gpus=1-2", "--amount", "matlab=1")
    assert json.loads(broker.calls[0].body)["compute"]["amounts"] == {
        "gpus": {"min": 1, "max": 2},
        "matlab": {"min": 1},
    }


def test_request_shows_why_not_and_what_would_do(run: Broker) -> None:
    ended = run("request", *NOTEBOOK, "--cores", "16")
    assert ended.code == Exit.NO
    assert "NO" in ended.out
    assert "asks for 16" in ended.out
    assert "it would be a YES with compute.cores.min = 4 (now 16)" in ended.out


def test_request_writes_json(run: Broker) -> None:
    ended = run("request", *NOTEBOOK, "--json")
    assert ended.code == Exit.DONE
    assert [o["phase"] for o in json.loads(ended.out)["offers"]] == ["OFFERED", "OFFERED"]
    no = run("request", *NOTEBOOK, "--cores", "16", "--json")
    assert (no.code, json.loads(no.out)["result"]) == (Exit.NO, "NO")


@pytest.mark.parametrize("as_text", [json.dumps, yaml.safe_dump])
def test_request_sends_a_file_as_it_is(
    run: Broker, broker: FakeBroker, tmp_path: Path, as_text: object
) -> None:
    values = {"executable": {"kind": "urn:example:teapot", "water": 3}}
    file = tmp_path / "request.yaml"
    assert callable(as_text)
    file.write_text(as_text(values))
    ended = run("request", str(file))
    assert json.loads(broker.calls[0].body) == values
    assert ended.code == Exit.NO
    assert "urn:example:teapot" in ended.out
    assert run("request", "-", stdin=file.read_text()).code == Exit.NO
    assert json.loads(broker.calls[1].body) == values


def test_a_request_that_breaks_the_schema_names_each_place(run: Broker, tmp_path: Path) -> None:
    file = tmp_path / "request.yaml"
    file.write_text(f"compute: {{kind: {kinds.SIMPLE_COMPUTE}, cores: {{min: NO}}}}")
    ended = run("request", str(file))
    assert ended.code == Exit.REFUSED
    assert "$.compute.cores.min: Expected `int`, got `str`" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--notebook URL"),
        (("no-such-file.yaml",), "no-such-file.yaml cannot be read"),
        (("request.yaml", *NOTEBOOK), "not both"),
        ((*NOTEBOOK, "--cores", "many"), "--cores is 'many'"),
        ((*NOTEBOOK, "--amount", "gpus"), "Write name=least, or name=least-most"),
        ((*NOTEBOOK, "--mount", "cat.fits"), "Write name=path"),
        ((*NOTEBOOK, "--max-cost", "monetary"), "Write type=value"),
        ((*NOTEBOOK, "--data", "no-such-file.fits"), "neither a URL nor a file"),
    ],
)
def test_a_request_that_is_none_says_how_to_write_it(
    run: Broker, broker: FakeBroker, arguments: tuple[str, ...], says: str
) -> None:
    ended = run("request", *arguments)
    assert ended.code == Exit.USAGE
    assert says in ended.err
    assert broker.calls == []


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [1", "line"), ("- 1\n- 2\n", "not an object"), ("a: &x 1\nb: *x\n", "anchors")],
)
def test_a_file_that_is_no_request(run: Broker, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "request.yaml"
    file.write_text(text)
    ended = run("request", str(file))
    assert ended.code == Exit.USAGE
    assert str(file) in ended.err
    assert says in ended.err


@pytest.mark.parametrize("command", ["request", "run"])
def test_what_would_have_no_effect_is_told_before_it_is_sent(
    run: Broker, nobody: str, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "request.yaml"
    file.write_text(
        "executable:\n"
        f"  kind: {kinds.JUPYTER_NOTEBOOK}\n"
        "  location: https://example.org/fit.ipynb\n"
        "  checks: {sha1: abc}\n"
        f"compute: {{kind: {kinds.SIMPLE_COMPUTE}, cores: {{mim: 8}}}}\n"
        '"te\\x1bapot": 1\n'
    )
    ended = run(command, str(file), BROKER_URL=nobody)
    assert ended.code == Exit.UNREACHABLE
    check, cores, teapot, *error = ended.err.splitlines()
    assert check.startswith("Warning: executable.checks.sha1 is no check that is made here")
    assert cores == (
        "Warning: compute.cores.mim is not known here and has no effect. "
        "Did you mean compute.cores.min?"
    )
    assert teapot.startswith("Warning: te apot is not known here")
    assert error[0].startswith("Error: No broker answers")


def test_a_request_that_is_understood_is_sent_without_a_word(run: Broker) -> None:
    assert "Warning" not in run("request", *NOTEBOOK).err
