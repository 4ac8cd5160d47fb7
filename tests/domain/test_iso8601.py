"""A superset is read, and what is written matches the published patterns."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain import iso8601
from tests.domain.builders import EXAMPLES

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)

# The published patterns, with the possessive group that Python 3.11 reads as well.
INSTANT = re.compile(r"^(\d{4}(?:-\d{2}){2}T\d{2}(?::\d{2}){2}(?>[^\/]+))$")
DURATION = re.compile(
    r"^(-?)P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
)

instants = st.timedeltas(timedelta(), timedelta(days=365 * 7000)).map(
    lambda since: datetime(1970, 1, 2, tzinfo=UTC) + since
)
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=36500))


@EXAMPLES
@given(lengths)
def test_durations_round_trip(length: timedelta) -> None:
    text = iso8601.write_duration(length)
    assert DURATION.match(text)
    assert iso8601.read_duration(text) == length


@EXAMPLES
@given(instants)
def test_instants_round_trip(instant: datetime) -> None:
    text = iso8601.write_instant(instant)
    assert INSTANT.match(text)
    assert iso8601.read_instant(text) == instant


@EXAMPLES
@given(instants, lengths)
def test_intervals_round_trip(start: datetime, length: timedelta) -> None:
    text = iso8601.write_interval(start, start + length)
    assert iso8601.read_interval(text, NOW) == (start, start + length)


@EXAMPLES
@given(instants)
def test_epoch_seconds_round_up(instant: datetime) -> None:
    epoch = iso8601.to_epoch(instant)
    whole = iso8601.from_epoch(epoch)
    assert timedelta() <= whole - instant < timedelta(seconds=1)
    assert iso8601.to_epoch(whole) == epoch
    assert iso8601.read_instant(iso8601.write_epoch(epoch)) == whole


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT2H30M", 9000),
        ("P1D", 86400),
        ("P2W", 1209600),
        ("P1DT1S", 86401),
        ("PT0.5S", 0.5),
        ("PT36H", 129600),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert iso8601.read_duration(text) == timedelta(seconds=seconds)


def test_zero_can_be_written() -> None:
    assert iso8601.write_seconds(0) == "PT0S"
    assert iso8601.write_seconds(3605) == "PT1H5S"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "PT2H30M"),
        ("P", "PT2H30M"),
        ("PT", "PT2H30M"),
        ("two hours", "PT2H30M"),
        ("2H", "PT2H30M"),
        ("P1Y", "P30D"),
        ("P1M", "P30D"),
        ("-PT1H", "without the minus"),
        ("PT0S", "longer than nothing"),
        ("P36501D", "a century at most"),
        ("P" + "9" * 30 + "W", "a century at most"),
        ("PT" + "9" * 5000 + "H", "a century at most"),
        ("PT" + "9" * 400 + "S", "a century at most"),
    ],
)
def test_a_duration_that_cannot_be_had_says_what_can(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        iso8601.read_duration(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-01-15", datetime(2027, 1, 15, tzinfo=UTC)),
        ("2027-01-15T09:00:00", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027-01-15T09:00:00+02:00", datetime(2027, 1, 15, 7, tzinfo=UTC)),
        ("2027-01-15T09:00:00.250Z", datetime(2027, 1, 15, 9, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_instants_are_read(text: str, instant: datetime) -> None:
    assert iso8601.read_instant(text) == instant


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-13-01", "0001-01-01T00:00:00+10:00"])
def test_an_unreadable_instant_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="2026-01-31T12:00:00Z"):
        iso8601.read_instant(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2027-01-15T08:00:00Z/PT1H", NOW, NOW + HOUR),
        ("PT1H/2027-01-15T08:00:00Z", NOW - HOUR, NOW),
        ("2027-01-15T08:00:00Z/..", NOW, None),
        ("2027-01-15T09:00:00Z/", NOW + HOUR, None),
        ("../2027-01-15T09:00:00Z", NOW, NOW + HOUR),
        ("/2027-01-15T09:00:00Z", NOW, NOW + HOUR),
        ("../PT1H", NOW, NOW + HOUR),
        ("2027-01-14/2027-01-15", NOW.replace(day=14, hour=0), NOW.replace(hour=0)),
    ],
)
def test_intervals_are_read(text: str, start: datetime, end: datetime | None) -> None:
    assert iso8601.read_interval(text, NOW) == (start, end)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2027-01-15T08:00:00Z", "not an ISO 8601 interval"),
        ("a/b/c", "not an ISO 8601 interval"),
        ("2027-01-15/soon", "not an ISO 8601 instant"),
        ("2027-01-15/2027-01-14", "ends before it starts"),
        ("2027-01-15/2027-01-15", "ends before it starts"),
        ("../2027-01-14", "over already"),
        ("2027-01-15/-PT1H", "without the minus"),
        ("P36500D/0010-01-01", "before the year 1"),
        ("9999-12-31/P2D", "after the year 9999"),
    ],
)
def test_an_interval_that_cannot_be_had_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        iso8601.read_interval(text, NOW)
