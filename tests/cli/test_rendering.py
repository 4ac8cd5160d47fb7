"""What is shown: words, tables, changes, timelines. Everything from outside is only text."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from execution_broker.cli.context import At
from execution_broker.cli.rendering import listing, words
from execution_broker.cli.rendering.offers import offerset
from execution_broker.cli.rendering.session import session as whole
from execution_broker.cli.rendering.watching import View, Watched, countdown
from execution_broker.cli.rendering.words import Here
from execution_broker.cli.watching import show
from execution_broker.client import BrokerClient
from execution_broker.domain import messages
from execution_broker.domain.suggesting import REMOVE
from execution_broker.models.component import Metadata
from execution_broker.models.execution import Connector, ExecutionSession, OfferSetResponse
from execution_broker.models.listing import SessionSummary
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.models.resources import SimpleData
from execution_broker.models.schedule import InstantSpan, IntervalSpan, Schedule
from tests.client.fake_broker import no, offer

NOW = datetime(2027, 3, 10, 14, 0, tzinfo=UTC)
HERE = Here(NOW, UTC)


def text(shown: Any, **options: Any) -> str:
    console = Console(file=StringIO(), width=200, markup=False, highlight=False, **options)
    console.print(shown)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def running(*data: SimpleData, **changes: Any) -> ExecutionSession:
    session = ExecutionSession(
        meta=Metadata(uuid="f3", created=NOW - timedelta(minutes=2)),
        phase=SessionPhase.RUNNING,
        data=data,
        schedule=Schedule(
            preparing=InstantSpan(start="2027-03-10T13:58:30Z", duration="PT90S"),
            available=IntervalSpan(
                start="2027-03-10T14:00:00Z/2027-03-10T14:30:00Z", duration="PT2H"
            ),
        ),
    )
    return msgspec.structs.replace(session, **changes)


def data(name: str, phase: ComponentPhase, *said: Message) -> SimpleData:
    return SimpleData(meta=Metadata(name=name, messages=said), phase=phase)


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ("2027-03-10T14:02:00Z/2027-03-10T14:30:00Z", "14:02 to 14:30"),
        ("2027-03-10T14:02:00Z/PT10S", "14:02"),
        ("2027-03-11T09:00:00Z/PT1H", "Thu 11 Mar 09:00 to 10:00"),
        ("2027-03-10T23:00:00Z/PT2H", "23:00 to Thu 11 Mar 01:00"),
        ("2028-01-01/..", "01 Jan 2028 00:00 or later"),
        ("soon", "soon"),
        (None, "-"),
    ],
)
def test_windows(interval: str | None, shown: str) -> None:
    assert words.window(interval, HERE) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (298, "4 min 58 s"),
        (7200, "2 h"),
        (7201, "2 h"),
        (273_600, "3 d 4 h"),
        (-5, "0 s"),
    ],
)
def test_lengths(seconds: int, shown: str) -> None:
    assert words.length(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**60, "1048576.0 TiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert words.size(count) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("ready at 2027-03-10T14:02:11Z, after PT90S.", "ready at 14:02:11, after 1 min 30 s."),
        ("until 2027-03-11T14:02:11.5Z", "until Thu 11 Mar 14:02:11"),
        ("PT0.2S, PT0S, P, PT, P1Y and HTTP2", "0.2 s, PT0S, P, PT, P1Y and HTTP2"),
        ("2027-13-10T14:02:11Z", "2027-13-10T14:02:11Z"),
    ],
)
def test_times_in_sentences_are_those_of_the_reader(said: str, shown: str) -> None:
    assert words.local(said, HERE) == shown


def test_a_list_fits_a_narrow_terminal() -> None:
    one = SessionSummary(
        uuid="4f1c5a9e-8d0b-4b5e-9a55-0c8f5b7f2d11",
        url="/",
        phase=SessionPhase.PREPARING,
        platform="simulated",
        owner="ada",
        created=NOW,
        modified=NOW,
        name="the orientation of the Earth",
        start="2027-03-11T09:00:00Z/PT1H",
        duration="PT2H30M",
    )
    console = Console(file=StringIO(), width=80, markup=False, highlight=False)
    console.print(listing.sessions([one], HERE, console.width))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    shown = " ".join(lines)
    for word in ("4f1c5a9e", "PREPARING", "2 h 30 min", "simulated", "Earth"):
        assert word in shown


@given(st.text())
def test_whatever_a_broker_says_it_is_one_line_of_print(said: str) -> None:
    for shown in (
        words.plain(said),
        words.window(said, HERE),
        words.instant(said, HERE),
        words.duration(said),
        words.type_name(said),
        words.local(words.plain(said), HERE),
    ):
        assert shown.isprintable()


def test_several_reasons_each_with_what_would_do() -> None:
    answer = no(
        messages.BAD_VALUE(place="a", value="1", reason="odd", path="$.a", from_=1, to=2),
        messages.BAD_VALUE(place="b", value="1", reason="odd"),
        messages.BAD_VALUE(place="a", value="1", reason="rare", path="$.a", from_=1, to=2),
        messages.BAD_VALUE(place="c", value="1", reason="odd", path="c", from_=1, **REMOVE),
    )
    assert text(offerset(answer, HERE)).splitlines() == [
        "NO",
        "- a is 1: odd.",
        "  → this would fit with a = 2 (now 1)",
        "- b is 1: odd.",
        "- a is 1: rare.",
        "- c is 1: odd.",
        "  → this would fit without c (now 1)",
    ]


def test_a_no_begins_with_what_is_only_held() -> None:
    remedy = "They are not yours. Ask again then."
    held = messages.HELD(
        platform="local", start="2026-11-22T14:00:00Z", until="2026-11-22T13:58:00Z", remedy=remedy
    )
    full = messages.NO_CAPACITY(platform="local", start="a", end="b", hint="Ask later.")
    shown = text(offerset(no(held, full), HERE)).splitlines()
    assert shown[1].startswith("- local could start this at ")
    assert shown[1].endswith(remedy)
    assert shown[2] == "- local has no room for this between a and b. Ask later."


@pytest.mark.parametrize("change", [REMOVE, {"to": ""}])
def test_what_is_to_be_left_out_is_said_so(change: dict[str, str]) -> None:
    """An empty `to` is what brokers of an earlier version say."""
    fault = messages.BAD_VALUE(place="a", value="1", reason="odd", path="a.b", from_=1, **change)
    assert "it would be a YES without a.b (now 1)" in text(offerset(no(fault), HERE))


def test_a_no_without_reasons_says_so() -> None:
    assert "No reason was given." in text(offerset(OfferSetResponse(result="NO"), HERE))


def test_where_to_open_a_session_is_shown() -> None:
    connector = Connector(location="http://127.0.0.1:1/lab?token=x", status="AVAILABLE")
    shown = text(whole(running(connectors=(connector,)), HERE))
    assert "Open: http://127.0.0.1:1/lab?token=x (AVAILABLE)" in shown


def test_only_what_changed_is_told() -> None:
    progress = messages.PROGRESS(done=3, total=4, units="files")
    staged = messages.STAGED(file="b", size=1, elapsed="1 s")
    first = running(data("a", ComponentPhase.PREPARING), data("b", ComponentPhase.PREPARING))
    second = running(
        data("a", ComponentPhase.PREPARING, progress),
        data("b", ComponentPhase.AVAILABLE, staged),
        meta=Metadata(messages=(messages.TIME_ENDED(end="now"),)),
    )
    watched = Watched()
    assert watched.see(first, HERE) == ["RUNNING", "data a: PREPARING", "data b: PREPARING"]
    assert watched.see(first, HERE) == []
    assert watched.see(second, HERE) == [
        "data a: 75%, 3 of 4 files",
        "data b: AVAILABLE",
        f"WARN  {messages.TIME_ENDED(end='now').message}",
        f"INFO  data b: {staged.message}",
    ]


def test_where_to_open_a_session_is_told_once() -> None:
    connector = Connector(location="http://127.0.0.1:1/lab", status="AVAILABLE")
    watched = Watched()
    assert watched.see(running(), HERE) == ["RUNNING"]
    assert watched.see(running(connectors=(connector,)), HERE) == [
        "Open: http://127.0.0.1:1/lab (AVAILABLE)"
    ]
    assert watched.see(running(connectors=(connector,)), HERE) == []


def test_progress_of_unknown_size_has_no_bar() -> None:
    said = messages.PROGRESS(done=2048, total=None, units="bytes")
    shown = text(whole(running(data("a", ComponentPhase.PREPARING, said)), HERE))
    assert "2.0 KiB" in shown
    assert "%" not in shown


@given(st.dictionaries(st.sampled_from(["done", "total", "units"]), st.text(max_size=8)))
def test_progress_may_say_anything(values: dict[str, str]) -> None:
    said = Message(kind=messages.PROGRESS.kind, level="INFO", values=values)
    session = running(data("a", ComponentPhase.PREPARING, said))
    assert "data a" in text(whole(session, HERE))
    assert Watched().see(session, HERE)[0] == "RUNNING"


def test_the_view_moves_on_between_changes() -> None:
    times = iter([NOW, NOW + timedelta(minutes=30), NOW + timedelta(minutes=60)])
    watched = Watched()
    view = View(watched, lambda: Here(next(times), UTC))
    assert "Waiting" in text(view)
    watched.see(running(phase=SessionPhase.AVAILABLE), Here(NOW - timedelta(seconds=5), UTC))
    watched.see(running(data("a", ComponentPhase.RUNNING)), HERE)
    early, late = text(view), text(view)
    assert "30 min of 2 h at most" in early
    assert "1 h of 2 h at most" in late
    assert early.count("━") < late.count("━")


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ("2027-03-10T14:02:00Z/2027-03-10T14:02:01Z", ["Starts in 2 min, at 14:02:00."]),
        (
            "2027-03-10T13:58:00Z/2027-03-10T14:03:00Z",
            [
                "Starts when all is ready and there is room, in 3 min at the latest, at 14:03:00.",
            ],
        ),
        ("2027-03-10T13:58:00Z/2027-03-10T13:58:01Z", []),
        ("soon", []),
    ],
)
def test_a_session_that_waits_says_when_it_starts(interval: str, shown: list[str]) -> None:
    schedule = Schedule(available=IntervalSpan(start=interval, duration="PT2H"))
    waiting = running(phase=SessionPhase.AVAILABLE, schedule=schedule)
    assert [one.plain for one in countdown(waiting, HERE)] == shown
    assert list(countdown(running(schedule=schedule), HERE)) == []


def test_the_timeline_is_in_the_order_of_time() -> None:
    watched = Watched()
    for seconds, phase in ((-60, SessionPhase.PREPARING), (0, SessionPhase.RUNNING)):
        watched.see(running(phase=phase), Here(NOW + timedelta(seconds=seconds), UTC))
    shown = [line.strip() for line in text(View(watched, lambda: HERE)).splitlines()]
    assert [line for line in shown if line[:2] in ("13", "14")] == [
        "13:58:00  offered",
        "13:58:30  planned: preparing begins",
        "13:59:00  PREPARING when first looked at",
        "14:00:00  planned: start, at the latest 14:30:00",
        "14:00:00  RUNNING",
    ]


def test_on_a_terminal_the_session_is_drawn_live() -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=120, markup=False, _environ={})
    said = messages.PROGRESS(done=1, total=4, units="files")
    with BrokerClient("http://127.0.0.1:1") as client:
        at = At(out=console, err=console, json=False, client=client)
        last = show(
            at,
            [
                running(data("a", ComponentPhase.PREPARING, said), phase=SessionPhase.PREPARING),
                running(phase=SessionPhase.COMPLETED),
            ],
        )
    assert last.phase is SessionPhase.COMPLETED
    assert "━━━━━━" in screen.getvalue()
    assert "25%, 1 of 4 files" in screen.getvalue()
    assert (
        "COMPLETED" in screen.getvalue().rpartition("\x1b[2K")[2]
        or "COMPLETED" in screen.getvalue()
    )


def test_colours_stay_away_without_a_terminal_and_on_request() -> None:
    session = offer(None, 1, 0, SessionPhase.OFFERED)
    assert "\x1b" not in text(whole(session, HERE))
    assert "\x1b[36m" in text(whole(session, HERE), force_terminal=True, _environ={"TERM": "xterm"})
    quiet = {"TERM": "xterm", "NO_COLOR": "1"}
    assert "\x1b[36m" not in text(whole(session, HERE), force_terminal=True, _environ=quiet)
