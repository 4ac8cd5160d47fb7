"""Lengths of time and sizes as people type them, and what is sent of them."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.cli.exits import Exit
from execution_broker.cli.listing import read_time
from execution_broker.cli.requests import BadRequest, Flags, from_flags
from execution_broker.domain.iso8601 import read_duration, write_duration
from execution_broker.models.phases import SessionPhase
from execution_broker.models.resources import Range
from tests.client.fake_broker import FakeBroker, offer
from tests.harness.command import NOTEBOOK, Broker

URL = "https://example.org/fit.ipynb"


def duration_of(text: str) -> str | None:
    schedule = from_flags(Flags(notebook=URL, duration=text)).schedule
    assert schedule is not None
    assert schedule.requested is not None
    return schedule.requested.duration


def memory_of(text: str) -> Range | None:
    compute = from_flags(Flags(notebook=URL, memory=text)).compute
    assert compute is not None
    return compute.memory


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        *((text, "PT10M") for text in ("10 minutes", "10m", "10 min", "10min", " 10 Minutes ")),
        *((text, "PT10M") for text in ("PT10M", "600s", "600 seconds", "00:10:00", "pt10m")),
        *((text, "PT2H") for text in ("2h", "2 hours", "2 hrs", "2H", "120m", "2:00:00")),
        *((text, "PT1H30M") for text in ("1h30m", "1h 30m", "1.5h", "1,5 hours", "90 minutes")),
        *((text, "PT1H30M") for text in ("1 hour 30 minutes", "1 hour, 30 min", "1 hour and 30m")),
        ("PT1,5H", "PT1H30M"),
        ("45 sec", "PT45S"),
        ("0.5s", "PT0.5S"),
        ("1d", "PT24H"),
        ("2 days", "PT48H"),
        ("1w", "PT168H"),
        ("P1DT12H", "P1DT12H"),
        ("P2W", "P2W"),
    ],
)
def test_a_length_is_sent_as_the_standard_has_it(typed: str, sent: str) -> None:
    assert duration_of(typed) == sent


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("10", "has no unit"),
        ("1.5", "has no unit"),
        ("soon", "is no length of time"),
        ("", "is no length of time"),
        ("h", "is no length of time"),
        ("10 parsecs", "is no length of time"),
        ("10m 5", "is no length of time"),
        ("1:30", "could be hours or minutes"),
        ("-2h", "cannot be negative"),
        ("-PT2H", "cannot be negative"),
        ("0m", "longer than nothing"),
        ("PT0S", "longer than nothing"),
        ("2 months", "no fixed length"),
        ("1y", "no fixed length"),
        ("P1M", "no fixed length"),
        ("101 years", "no fixed length"),
        ("40000 days", "a century at most"),
        ("9" * 400 + "h", "a century at most"),
        ("\u0661h", "is no length of time"),
    ],
)
def test_a_length_that_cannot_be_had_is_not_sent(typed: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=r"--duration is .*" + reason):
        duration_of(typed)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=36500)))
def test_every_length_of_the_standard_is_kept(length: timedelta) -> None:
    sent = duration_of(write_duration(length))
    assert sent is not None
    assert read_duration(sent) == length


@given(st.text("0123456789.,-+:PTHMSWDhmswd eczny", max_size=16))
def test_whatever_is_typed_is_sent_as_a_duration_or_refused(typed: str) -> None:
    with suppress(BadRequest):
        sent = duration_of(typed)
        assert sent is not None
        assert read_duration(sent)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("4", Range(min=4)),
        ("2-8", Range(min=2, max=8)),
        ("2..8", Range(min=2, max=8)),
        *((text, Range(min=2)) for text in ("2GB", "2 GB", "2gb", "2G", "2GiB", "2 gigabytes")),
        *((text, Range(min=1)) for text in ("500MB", "500M", "512 MiB", "1024 MB", "1", "100 kB")),
        *((text, Range(min=2)) for text in ("1.5GB", "1,5 GiB", "1500MB", "1100000000 bytes")),
        *((text, Range(min=2, max=8)) for text in ("2-8GB", "2GB-8GB", "2GB..8GB", "2 to 8 GB")),
        ("500MB-2GB", Range(min=1, max=2)),
        ("100GB", Range(min=94)),
        ("100GiB", Range(min=100)),
        ("1TB", Range(min=932)),
        ("1TiB", Range(min=1024)),
    ],
)
def test_a_size_is_sent_in_whole_gib_that_are_enough(typed: str, sent: Range) -> None:
    assert memory_of(typed) == sent
    request = from_flags(Flags(notebook=URL, storage=typed))
    assert request.storage[0].size == sent


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("much", "is no size"),
        ("", "is no size"),
        ("GB", "is no size"),
        ("2.5", "is no size"),
        ("1e3", "is no size"),
        ("2 oranges", "is no size"),
        ("-2GB", "is no size"),
        ("2GB-", "is no size"),
        ("0", "at least 1"),
        ("0GB", "at least 1"),
        ("8-2", "the most is less than the least"),
        ("8GB-500MB", "the most is less than the least"),
        ("9" * 400, "more than can be asked for"),
        ("9" * 30 + "TB", "more than can be asked for"),
    ],
)
def test_a_size_that_cannot_be_had_is_not_sent(typed: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=r"--memory is .*" + reason):
        memory_of(typed)


@pytest.mark.parametrize("typed", ["0", "8-2", "2GB", "9" * 40])
def test_a_number_of_cores_that_cannot_be_had_is_not_sent(typed: str) -> None:
    with pytest.raises(BadRequest, match="--cores is"):
        from_flags(Flags(notebook=URL, cores=typed))


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("../PT6H", "../PT6H"),
        ("../6h", "../PT6H"),
        ("2099-01-01/2 hours", "2099-01-01/PT2H"),
        ("30m/2099-01-01T12:00Z", "PT30M/2099-01-01T12:00Z"),
        ("2099-01-01T08:00Z/2099-01-01T12:00Z", "2099-01-01T08:00Z/2099-01-01T12:00Z"),
    ],
)
def test_a_window_is_sent_as_the_standard_has_it(typed: str, sent: str) -> None:
    schedule = from_flags(Flags(notebook=URL, start=typed)).schedule
    assert schedule is not None
    assert schedule.requested is not None
    assert schedule.requested.start == sent


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--start", "soon"), "--start is 'soon': not an ISO 8601 interval"),
        (("--start", "2099-01-02/2099-01-01"), "ends before it starts"),
        (("--start", "2020-01-01/2020-01-02"), "schedule.requested.start"),
        (("--duration", "10 parsecs"), "--duration is '10 parsecs'"),
        (("--data", "https://example.org/a.fits,sha256=abc"), "data[0].checks.sha256"),
        (("--mount", "nothing=/data"), "refers to nothing"),
        (("--storage", "1", "--mount", "storage=/a/../.."), "may not contain .."),
    ],
)
@pytest.mark.parametrize("command", ["request", "run"])
def test_what_is_known_to_be_wrong_is_not_sent(
    run: Broker, broker: FakeBroker, command: str, flags: tuple[str, ...], reason: str
) -> None:
    ended = run(command, *NOTEBOOK, *flags)
    assert ended.code == Exit.USAGE
    assert reason in ended.err
    assert "→" in ended.err
    assert broker.paths("POST") == []


def test_a_change_is_typed_as_a_request_is(run: Broker, broker: FakeBroker) -> None:
    uuid = broker.keep(offer(None, 2, 0, SessionPhase.OFFERED))
    run("change", uuid, "--longer", "30 minutes", "--memory", "8GB")
    sent = [json.loads(call.body) for call in broker.calls if call.method == "POST"]
    assert sent[0]["delta"] == 1800
    refused = run("change", uuid, "--memory", "2-8GB")
    assert refused.code == Exit.USAGE
    assert "--memory is '2-8GB'" in refused.err
    assert run("change", uuid, "--shorter", "10").code == Exit.USAGE


@pytest.mark.parametrize(
    ("typed", "hours"), [("6h", 6), ("2 days", 48), ("PT6H", 6), ("P7D", 168), ("1.5h", 1.5)]
)
def test_how_long_ago_is_typed_as_a_duration_is(typed: str, hours: float) -> None:
    now = datetime(2027, 1, 15, tzinfo=UTC)
    assert read_time("--since", typed, now) == now - timedelta(hours=hours)


@pytest.mark.parametrize("typed", ["yore", "", "6", "-6h", "P1M"])
def test_no_time_ago(typed: str) -> None:
    with pytest.raises(BadRequest, match="--since is"):
        read_time("--since", typed, datetime(2027, 1, 15, tzinfo=UTC))
