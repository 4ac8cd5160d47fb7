"""`broker compare`: the table, the words, and what is taken or let go."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution_broker.cli.exits import Exit
from execution_broker.cli.rendering.comparison import in_words
from execution_broker.client.comparing import Trade
from execution_broker.models import kinds
from execution_broker.models.phases import SessionPhase
from tests.client.fake_broker import FakeBroker
from tests.client.hosting import hosting
from tests.harness.command import Broker

FLAGS = ("--notebook", "https://example.org/x.ipynb")


@pytest.fixture(scope="module")
def other_url() -> Iterator[tuple[str, FakeBroker]]:
    with hosting() as host:
        broker = host.new_broker()
        yield host.url, broker


@pytest.fixture
def brokers(
    broker: FakeBroker, other_url: tuple[str, FakeBroker], nobody: str, tmp_path: Path
) -> Path:
    (tmp_path / "secret").write_text("lovelace\n")
    (tmp_path / "token").write_text("good\n")
    other_url[1].tokens = {"good": "ada"}
    other_url[1].sessions.clear()
    file = tmp_path / "brokers.toml"
    file.write_text(
        f'[brokers.home]\nurl = "{broker.url}"\nuser = "ada"\npassword_file = "secret"\n'
        f'[brokers.away]\nurl = "{other_url[0]}"\ntoken_file = "token"\n'
        f'[brokers.gone]\nurl = "{nobody}"\n'
    )
    return file


def test_offers_are_shown_side_by_side(run: Broker, brokers: Path, broker: FakeBroker) -> None:
    ended = run("compare", *FLAGS, "--brokers", str(brokers), "--deadline", "15")
    assert ended.code == Exit.DONE, ended.err
    for word in ("home", "away", "1 h later", "gone: No broker answers", "broker accept"):
        assert word in ended.out
    assert {session.phase for session in broker.sessions.values()} == {SessionPhase.OFFERED}


def test_one_is_taken_and_the_others_are_let_go(
    run: Broker, brokers: Path, broker: FakeBroker, other_url: tuple[str, FakeBroker]
) -> None:
    ended = run("compare", *FLAGS, "--brokers", str(brokers), "--take", "cheapest", "--json")
    assert ended.code == Exit.DONE, ended.err
    shown = json.loads(ended.out)
    every = broker.sessions | other_url[1].sessions
    assert len(shown["bids"]) == len(every) == 4
    assert every.pop(shown["taken"]).phase is SessionPhase.ACCEPTED
    assert {session.phase for session in every.values()} == {SessionPhase.REJECTED}
    assert all(bid["words"] for bid in shown["bids"])


def test_all_are_let_go(run: Broker, brokers: Path, broker: FakeBroker) -> None:
    ended = run("compare", *FLAGS, "--brokers", str(brokers), "--let-go")
    assert ended.code == Exit.DONE
    assert {session.phase for session in broker.sessions.values()} == {SessionPhase.REJECTED}


def test_where_nobody_offers_the_answer_is_no(run: Broker, brokers: Path) -> None:
    ended = run("compare", *FLAGS, "--cores", "64", "--brokers", str(brokers))
    assert ended.code == Exit.NO
    assert "NO offers" in ended.out
    assert "home: NO. " in ended.out


@pytest.mark.parametrize(
    "content", ["[", "x = 1", "[brokers.a]\nuser = 1", '[brokers.a]\nurl = "x"\npassword = "p"']
)
def test_a_file_that_names_no_brokers(run: Broker, tmp_path: Path, content: str) -> None:
    file = tmp_path / "brokers.toml"
    file.write_text(content)
    assert run("compare", *FLAGS, "--brokers", str(file)).code == Exit.USAGE
    assert run("compare", *FLAGS, "--brokers", str(tmp_path / "none")).code == Exit.USAGE
    both = run("compare", *FLAGS, "--brokers", str(file), "--let-go", "--take", "earliest")
    assert both.code == Exit.USAGE


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "the same"),
        (
            {"later": 1800.0, "costs": {kinds.COST_MONETARY: -0.4}},
            "30 min later, 40 % cheaper",
        ),
        ({"later": -60.0, "cores": 2}, "1 min earlier, 2 more cores"),
        ({"costs": {kinds.COST_MONETARY: 2.0}}, "3 times as dear"),
        (
            {"costs": {kinds.COST_CARBON: -0.251}, "memory": -4},
            "25 % less carbon, 4 fewer GiB memory",
        ),
        ({"metrics": {kinds.METRIC_COMPUTE: 1.5}}, "2.5 times as much compute-performance"),
        ({"longer": 3600.0}, "1 h longer"),
    ],
)
def test_what_one_gives_for_what_in_words(changes: dict[str, object], text: str) -> None:
    nothing: dict[str, object] = {
        "later": 0.0,
        "longer": 0.0,
        "cores": 0,
        "memory": 0,
        "storage": 0,
        "costs": {},
        "metrics": {},
    }
    assert in_words(Trade(**{**nothing, **changes})) == text  # type: ignore[arg-type]
