"""A superset is read, and what is written matches the published patterns."""

import re
from contextlib import suppress
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
        ("P0.5D", 43200),
        ("P1.5W", 907200),
        ("PT1.5H", 5400),
        ("PT1,5H", 5400),
        ("P1DT0,25H", 87300),
        ("PT90.5M", 5430),
        ("PT0,5S", 0.5),
        ("P0Y0M0DT1H0M0S", 3600),
        ("P0Y1D", 86400),
        ("P0M0W1DT0H", 86400),
        ("pt2h30m", 9000),
        ("p1dT1h", 90000),
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
        ("P0.5Y", "P30D"),
        ("P0Y1M", "P30D"),
        ("-PT1H", "without the minus"),
        ("-pt1h", "without the minus"),
        ("-soon", "not an ISO 8601 duration"),
        ("PT1\u017f", "not an ISO 8601 duration"),
        ("PT1.5H30M", "only the last number"),
        ("P1,5DT1H", "only the last number"),
        ("PT1.H", "PT2H30M"),
        ("PT.5H", "PT2H30M"),
        ("PT1.5.5H", "PT2H30M"),
        ("P\u0661D", "PT2H30M"),
        ("P0001-00-01T00:00:00", "with letters"),
        ("P00010001T000000", "with letters"),
        ("P0Y", "longer than nothing"),
        ("P0Y0M0DT0H0M0.0S", "longer than nothing"),
        ("P0D", "longer than nothing"),
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
        ("2027-01-15T09:00:00,250Z", datetime(2027, 1, 15, 9, 0, 0, 250_000, tzinfo=UTC)),
        ("2027-01-15t09:00:00z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027-01-15 09:00Z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027-01-15T09Z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027-01-15T09.5Z", datetime(2027, 1, 15, 9, 30, tzinfo=UTC)),
        ("2027-01-15T09:30,5Z", datetime(2027, 1, 15, 9, 30, 30, tzinfo=UTC)),
        ("20270115T090000Z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("20270115", datetime(2027, 1, 15, tzinfo=UTC)),
        ("2027-01-15T09:00:00+0200", datetime(2027, 1, 15, 7, tzinfo=UTC)),
        ("2027-01-15T09:00:00-02", datetime(2027, 1, 15, 11, tzinfo=UTC)),
        ("2027-01-15T09:00:00\u221202:00", datetime(2027, 1, 15, 11, tzinfo=UTC)),
        ("2027-01-15T24:00:00Z", datetime(2027, 1, 16, tzinfo=UTC)),
        ("2027-12-31T24:00", datetime(2028, 1, 1, tzinfo=UTC)),
        ("2027-01-15T24:00:00.0+01:00", datetime(2027, 1, 15, 23, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.5Z", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2017-01-01T00:59:60+01:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2027-015", datetime(2027, 1, 15, tzinfo=UTC)),
        ("2027-365T09:00Z", datetime(2027, 12, 31, 9, tzinfo=UTC)),
        ("2028-366", datetime(2028, 12, 31, tzinfo=UTC)),
        ("2027015T09:00Z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027-W02-5", datetime(2027, 1, 15, tzinfo=UTC)),
        ("2027-w02-5t09:00z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027W025T0900Z", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("2027-W02", datetime(2027, 1, 11, tzinfo=UTC)),
        ("2026-W53-7", datetime(2027, 1, 3, tzinfo=UTC)),
    ],
)
def test_instants_are_read(text: str, instant: datetime) -> None:
    assert iso8601.read_instant(text) == instant


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "not an ISO 8601 instant") for text in ("", "tomorrow", "2027-1-1", "T12:00")),
        *((text, "not an ISO 8601 instant") for text in ("2027-01-15T", "\u0662027-01-01")),
        *(
            (text, "not an ISO 8601 instant")
            for text in ("2027-01-15T9:00", "2027-01-15T09:00:00+2")
        ),
        *((text, "no day") for text in ("2027", "2027-01")),
        *((text, "no such day") for text in ("2027-13-01", "2027-02-29", "2027-00-01")),
        *((text, "no such day") for text in ("2027-366", "2027-000", "2027-W53-1", "2027-W01-8")),
        *((text, "no such time") for text in ("2027-01-15T25:00", "2027-01-15T09:60Z")),
        *((text, "no such time") for text in ("2027-01-15T24:00:01Z", "2027-01-15T47:59:60Z")),
        *((text, "no such time") for text in ("2027-01-15T09:00:61Z", "2027-01-15T09:00+24:00")),
        ("2027-01-15T09:00:60Z", "leap second"),
        ("2016-12-31T23:59:60+01:00", "leap second"),
        ("0000-01-01", "from 0001 to 9999"),
        ("0000-001T00:00Z", "from 0001 to 9999"),
        ("+12027-01-01", "from 0001 to 9999"),
        ("-0001-01-01T00:00:00Z", "from 0001 to 9999"),
        ("0001-01-01T00:00:00+10:00", "from 0001 to 9999"),
        ("9999-12-31T24:00Z", "from 0001 to 9999"),
        ("9999-12-31T23:00-02:00", "from 0001 to 9999"),
    ],
)
def test_an_instant_that_cannot_be_had_says_why_and_what_to_write(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"{reason}.*2026-01-31T12:00:00Z"):
        iso8601.read_instant(text)


@EXAMPLES
@given(st.text("0123456789-:.,TtZzW+/P \u2212", max_size=24))
def test_whatever_is_written_is_read_or_refused_in_words(text: str) -> None:
    for read in (iso8601.read_instant, iso8601.read_duration):
        with suppress(ValueError):
            read(text)
    with suppress(ValueError):
        iso8601.read_interval(text, NOW)


@EXAMPLES
@given(instants)
def test_every_way_to_write_a_day_is_the_same_day(instant: datetime) -> None:
    year, week, day = instant.isocalendar()
    time = instant.time().isoformat()
    for written in (
        f"{instant:%Y}-{instant:%j}T{time}",
        f"{instant:%Y%m%d}T{time.replace(':', '')}Z",
        f"{year:04}-W{week:02}-{day}t{time.replace('.', ',')}z",
    ):
        assert iso8601.read_instant(written) == instant


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
        ("2027-W02-4/2027-015", NOW.replace(day=14, hour=0), NOW.replace(hour=0)),
        ("2027-01-15t08:00:00z/pt1h", NOW, NOW + HOUR),
        ("pt0,5h/2027-01-15T08:30Z", NOW, NOW + HOUR / 2),
        ("2027-01-14T24:00/P0.5D", NOW.replace(hour=0), NOW.replace(hour=12)),
    ],
)
def test_intervals_are_read(text: str, start: datetime, end: datetime | None) -> None:
    assert iso8601.read_interval(text, NOW) == (start, end)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2027-01-15T08:00:00Z", "not an ISO 8601 interval"),
        ("a/b/c", "not an ISO 8601 interval"),
        ("R5/2027-01-15T08:00:00Z/PT1H", "repeats"),
        ("R/2027-01-15T08:00:00Z/PT1H", "repeats"),
        ("2027-01-15T08:00:00Z/12:00", "write the whole end"),
        ("2027-01-15/16", "write the whole end"),
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
