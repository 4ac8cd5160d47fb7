"""Watching and following: every change once, pauses that grow, patience with an absent broker."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.client import BrokerClient, BrokerRefused, Unreachable
from execution_broker.client.decoding import log_unknown
from execution_broker.client.opening import opened
from execution_broker.client.speaking import Ask, Found, Lost, Open, Pause, Reply, Sign, Take
from execution_broker.client.watching import LONGEST, PATIENCE, Watch, ended
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from tests.client.fake_broker import LIFE, FakeBroker, offer


def accepted(broker: FakeBroker) -> str:
    return broker.keep(offer(None, 1, 0, SessionPhase.ACCEPTED))


def test_every_change_is_seen_once_until_the_end(
    broker: FakeBroker, client: BrokerClient, sleeps: list[float]
) -> None:
    broker.looks_per_step = 3
    phases = [session.phase for session in client.watch(accepted(broker), interval=0.5)]
    assert phases == [SessionPhase.ACCEPTED, *LIFE]
    assert min(sleeps) == 0.5
    conditional = [call for call in broker.calls if "if-none-match" in call.headers]
    events = [call for call in broker.calls if call.path.endswith("/events")]
    assert len(events) == 1, "they are asked for once, as there are none"
    assert len(conditional) == len(broker.calls) - 2


def test_a_broker_without_etags_is_watched_as_well(
    broker: FakeBroker, client: BrokerClient
) -> None:
    broker.has_etags, broker.looks_per_step = False, 3
    phases = [session.phase for session in client.watch(accepted(broker))]
    assert phases == [SessionPhase.ACCEPTED, *LIFE]


def test_pauses_grow_to_a_bound(
    broker: FakeBroker, client: BrokerClient, sleeps: list[float]
) -> None:
    broker.looks_per_step = 30
    broker.life = (SessionPhase.CANCELLED,)
    assert [s.phase for s in client.watch(accepted(broker))][-1] is SessionPhase.CANCELLED
    assert sleeps == sorted(sleeps)
    assert sleeps[-1] == LONGEST


def test_a_session_that_has_ended_is_shown_once(broker: FakeBroker, client: BrokerClient) -> None:
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.COMPLETED))
    assert [session.phase for session in client.watch(uuid)] == [SessionPhase.COMPLETED]


def test_a_broker_that_restarts_is_waited_for(broker: FakeBroker, client: BrokerClient) -> None:
    watched = client.watch(accepted(broker))
    assert next(watched).phase is SessionPhase.ACCEPTED
    broker.busy = 20
    assert [session.phase for session in watched] == list(LIFE)


def test_a_broker_that_does_not_come_back_is_given_up(
    broker: FakeBroker, client: BrokerClient, sleeps: list[float]
) -> None:
    watched = client.watch(accepted(broker))
    next(watched)
    broker.busy = 10_000
    with pytest.raises(BrokerRefused):
        next(watched)
    assert PATIENCE <= sum(sleeps) <= 3 * PATIENCE


def test_a_broker_that_was_never_there_is_not_waited_for(nobody: str, sleeps: list[float]) -> None:
    with BrokerClient(nobody, sleep=sleeps.append) as client, pytest.raises(Unreachable):
        next(client.watch("5f3ff7a4-6f3a-4b0a-9d6e-0f1b8e7d1c22"))
    assert len(sleeps) == 2


@given(st.lists(st.sampled_from(["same", "change", "busy", "gone"]), max_size=60), st.floats(0, 5))
def test_no_pattern_of_answers_makes_a_busy_loop(answers: list[str], interval: float) -> None:
    """After every answer there is a pause, bounded from below and from above. (The last of several
    refusals in a row is borne by a longer pause, so that a look may follow a look's pause.)"""
    peer, _ = opened("http://broker.test", None, None, 30, (0.2, 0.6))
    course = Watch(peer, log_unknown, "x", interval).course()
    phases = iter([SessionPhase.RUNNING, SessionPhase.RELEASING] * 60)
    script = iter(["change", *answers])
    seen: list[ExecutionSession] = []
    asked = paused = 0
    wanted: Any = next(course)
    while not (seen and ended(seen[-1])):
        match wanted:
            case Found(value=session):
                seen.append(session)
                wanted = course.send(None) if not ended(session) else None
            case Pause(seconds=seconds):
                assert 0.05 <= seconds <= LONGEST
                paused += 1
                wanted = course.send(None)
            case Sign():
                wanted = course.send(None)
            case Open():
                wanted = course.send(Reply(404, {}, b""))
            case Take():
                wanted = course.send(b"")
            case Ask():
                asked += 1
                assert asked <= paused + 1, "it was asked again without a pause"
                wanted = _answer(course, next(script, "end"), phases)
    assert seen[-1].phase is SessionPhase.COMPLETED
    assert len(seen) == 2 + answers.count("change")


def _answer(course: Any, what: str, phases: Iterator[SessionPhase]) -> Any:
    match what:
        case "change":
            return course.send(_ok(next(phases)))
        case "same":
            return course.send(Reply(304, {}, b""))
        case "busy":
            return course.send(Reply(503, {}, b""))
        case "gone":
            return course.throw(Lost("it broke off"))
        case _:
            return course.send(_ok(SessionPhase.COMPLETED))


def _ok(phase: SessionPhase) -> Reply:
    body = msgspec.json.encode(ExecutionSession(phase=phase))
    return Reply(200, {"etag": '"tag"', "content-type": "application/json"}, body)


def test_a_stream_from_a_byte_on(broker: FakeBroker, client: BrokerClient) -> None:
    broker.streams["stdout"] = b"hello world"
    uuid = accepted(broker)
    assert client.stream(uuid, "stdout") == b"hello world"
    assert client.stream(uuid, "stdout", 6) == b"world"
    assert client.stream(uuid, "stdout", 99) == b""
    assert client.stream(uuid, "stderr") == b""


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, lambda head, tail: head + tail),
        (10, lambda head, tail: head[10:] + tail),
        ((1 << 20) + 5, lambda _, tail: tail),
        ((1 << 20) + 500, lambda _, tail: tail),
        ((1 << 20) + 503, lambda _, tail: tail[3:]),
        ((1 << 20) + 1000, lambda *_: b""),
    ],
)
def test_a_stream_whose_middle_is_not_kept(
    broker: FakeBroker,
    client: BrokerClient,
    offset: int,
    expected: Callable[[bytes, bytes], bytes],
) -> None:
    head, tail = bytes(range(256)) * 4096, b"the end " * 20
    broker.streams["stdout"] = head + b"?" * 500 + tail
    broker.dropped = 500
    assert client.stream(accepted(broker), "stdout", offset) == expected(head, tail)


def test_following_a_stream_gives_every_byte_once(broker: FakeBroker) -> None:
    broker.looks_per_step = 2
    broker.streams["stdout"] = b""
    parts: list[bytes] = []
    lines = iter([b"one\n", b"two\n", b"three\n"])

    def write_more(_: float) -> None:
        broker.streams["stdout"] += next(lines, b"")

    with BrokerClient(broker.url, "ada", "lovelace", sleep=write_more) as follower:
        parts.extend(follower.follow(accepted(broker), "stdout"))
    assert b"".join(parts) == b"one\ntwo\nthree\n"
    assert len(parts) == 3
