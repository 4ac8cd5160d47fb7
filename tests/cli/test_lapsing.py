"""`broker run` asks again where only unanswered offers hold what starts soon."""

from datetime import UTC, datetime, timedelta

import pytest

from execution_broker.cli.exits import Exit
from tests.client.fake_broker import FakeBroker
from tests.harness.command import NOTEBOOK, Broker, Ended

LATER = timedelta(hours=6)


def lapses_in(broker: FakeBroker, **by: float) -> datetime:
    """Until then the first offer starts hours later; a whole second, as brokers say it."""
    broker.later = LATER
    broker.lapsing = datetime.now(UTC).replace(microsecond=0) + timedelta(**by)
    return broker.lapsing


def run_notebook(run: Broker, *arguments: str) -> Ended:
    return run("run", *NOTEBOOK, "--interval", "0.05", *arguments)


def asked(broker: FakeBroker) -> int:
    return broker.paths("POST").count("/requests")


def phases(broker: FakeBroker) -> list[str]:
    return sorted(str(session.phase) for session in broker.sessions.values())


@pytest.mark.parametrize("arguments", [(), ("--start-by", "PT1H"), ("--json",)])
def test_what_lapses_soon_is_waited_for(
    run: Broker, broker: FakeBroker, arguments: tuple[str, ...]
) -> None:
    until = lapses_in(broker, seconds=2)
    ended = run_notebook(run, *arguments)
    assert ended.code == Exit.DONE, ended.err
    assert datetime.now(UTC) >= until
    assert phases(broker) == ["COMPLETED", "OFFERED", "REJECTED", "REJECTED"]
    assert asked(broker) == 2
    assert "unanswered offers hold that until" in ended.err
    assert f"It is asked again at {until:%H:%M} UTC, in " in ended.err


def test_a_no_for_want_of_room_is_asked_again(run: Broker, broker: FakeBroker) -> None:
    lapses_in(broker, seconds=2)
    broker.refuses_meanwhile = True
    ended = run_notebook(run)
    assert ended.code == Exit.DONE, ended.err
    assert asked(broker) == 2
    assert ended.err.count("unanswered offers hold that until") == 1


def test_a_no_for_another_reason_is_the_answer(run: Broker, broker: FakeBroker) -> None:
    lapses_in(broker, minutes=2)
    ended = run_notebook(run, "--cores", "64")
    assert (ended.code, asked(broker)) == (Exit.NO, 1)


@pytest.mark.parametrize("arguments", [(), ("--start-by", "PT20M")])
def test_what_lapses_too_late_is_not_waited_for(
    run: Broker, broker: FakeBroker, arguments: tuple[str, ...]
) -> None:
    lapses_in(broker, minutes=30)
    ended = run_notebook(run, *arguments)
    assert (ended.code, asked(broker)) == (Exit.LATER, 1)
    assert phases(broker) == ["REJECTED", "REJECTED"]
    assert "unanswered offers hold that until" in ended.err


def test_who_waits_anyway_takes_the_later_start(run: Broker, broker: FakeBroker) -> None:
    lapses_in(broker, minutes=2)
    ended = run_notebook(run, "--wait")
    assert (ended.code, asked(broker)) == (Exit.DONE, 1)


def test_what_starts_soon_is_taken_though_something_earlier_is_held(
    run: Broker, broker: FakeBroker
) -> None:
    lapses_in(broker, minutes=2)
    broker.later = timedelta(minutes=3)
    assert (run_notebook(run).code, asked(broker)) == (Exit.DONE, 1)
