"""`broker run` takes what starts soon; what starts later somebody has to want."""

from datetime import UTC, datetime, timedelta

import pytest

from execution_broker.cli.exits import Exit
from tests.client.fake_broker import FakeBroker
from tests.harness.command import NOTEBOOK, Broker, Ended

FAST = ("--interval", "0.05")


def starts_in(broker: FakeBroker, **by: float) -> datetime:
    broker.later = timedelta(**by)
    return datetime.now(UTC).replace(microsecond=0) + broker.later


def run_notebook(run: Broker, *arguments: str) -> Ended:
    return run("run", *NOTEBOOK, *FAST, *arguments)


def test_what_starts_soon_is_taken_and_it_says_when(run: Broker, broker: FakeBroker) -> None:
    start = starts_in(broker, minutes=4)
    ended = run_notebook(run)
    assert ended.code == Exit.DONE
    told = {f"It starts at {one:%H:%M} UTC" for one in (start, start + timedelta(seconds=2))}
    assert any(one in ended.err for one in told), ended.err


def test_what_starts_later_is_given_back_where_nobody_can_be_asked(
    run: Broker, broker: FakeBroker
) -> None:
    starts_in(broker, hours=6)
    ended = run_notebook(run)
    assert ended.code == Exit.LATER
    assert "The first offer starts at " in ended.err
    assert "in 5 h 59 min" in ended.err or "in 6 h" in ended.err
    assert "--wait" in ended.err
    assert "--start-by" in ended.err
    phases = {session.phase for session in broker.sessions.values()}
    assert phases == {"REJECTED"}


def test_what_counts_is_the_start_that_is_promised(run: Broker, broker: FakeBroker) -> None:
    """And not the one that may come before it."""
    starts_in(broker, hours=6)
    broker.early = timedelta(hours=6)
    for arguments in ((), ("--start-by", "PT1H")):
        ended = run_notebook(run, *arguments)
        assert ended.code == Exit.LATER
        assert "in 5 h 59 min" in ended.err or "in 6 h" in ended.err
    taken = run_notebook(run, "--start-by", "PT7H")
    assert taken.code == Exit.DONE
    assert "and before that as soon as it is ready and there is room." in taken.err


@pytest.mark.parametrize("arguments", [("--wait",), ("--start-by", "PT7H"), ("--start-by", "LATE")])
def test_it_is_taken_where_somebody_said_so(
    run: Broker, broker: FakeBroker, arguments: tuple[str, ...]
) -> None:
    start = starts_in(broker, hours=6)
    late = (start + timedelta(minutes=1)).isoformat()
    ended = run_notebook(run, *(late if one == "LATE" else one for one in arguments))
    assert ended.code == Exit.DONE, ended.err


def test_a_latest_start_may_be_nearer_than_what_is_soon(run: Broker, broker: FakeBroker) -> None:
    starts_in(broker, minutes=4)
    assert run_notebook(run, "--start-by", "PT1M").code == Exit.LATER


def test_what_is_no_time_asks_for_nothing(run: Broker, broker: FakeBroker) -> None:
    ended = run_notebook(run, "--start-by", "tomorrow")
    assert (ended.code, "--start-by is 'tomorrow'" in ended.err) == (Exit.USAGE, True)
    assert broker.sessions == {}
