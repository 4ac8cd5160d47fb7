"""Which connection is closed for a new one, whatever happens to connections."""

import itertools
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.api.addresses import Proxies, source
from execution_broker.cli.connections.bounds import Bounds, bounds, waits
from execution_broker.cli.connections.refusal import Refusal
from execution_broker.cli.connections.standing import Full, Member, Standing
from execution_broker.config import Http
from execution_broker.domain.rarely import Rarely

BOUNDS: Final = Bounds(in_all=5, of_address=3)

ACTS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.sampled_from(["a", "b", "c", None])),
        st.tuples(st.sampled_from(["busy", "kept", "stalled", "end"]), st.integers(0, 4)),
    ),
    max_size=60,
)


class One(Member):
    is_unsent = False

    def refuse(self, refusal: Refusal) -> None: ...

    def abort(self) -> None: ...


@given(ACTS)
def test_only_who_is_idle_is_closed_and_the_longest_first(acts: list[tuple[str, object]]) -> None:
    standing = Standing(BOUNDS)
    there: dict[Member, tuple[str | None, str, int]] = {}
    for now, (act, what) in enumerate(acts):
        if act == "new":
            assert what is None or isinstance(what, str)
            same = [one for one, (address, _, _) in there.items() if address == what]
            if what is not None and len(same) >= BOUNDS.of_address:
                idle, bound = [one for one in same if _idle(there, one)], "address"
            elif len(there) >= BOUNDS.in_all:
                idle, bound = [one for one in there if _idle(there, one)], "all"
            else:
                idle, bound = [], ""
            one = One()
            if bound and not idle:
                with pytest.raises(Full) as full:
                    standing.admit(one, what, now)
                assert full.value.bound == bound
            else:
                oldest = min(idle, key=lambda other: there[other][2]) if bound else None
                closed = standing.admit(one, what, now)
                assert closed == ((oldest, bound) if oldest else None)
                if oldest is not None:
                    del there[oldest]
                there[one] = what, "head", now
        elif there:
            assert isinstance(what, int)
            one_of_them = [*there][what % len(there)]
            _change(standing, there, one_of_them, act, now)
        assert len(standing) == len(there) <= BOUNDS.in_all
        for group, name in ((standing.heads, "head"), (standing.kept, "kept")):
            expected = {one: since for one, (_, at, since) in there.items() if at == name}
            assert group == expected
            assert [*group.values()] == sorted(group.values())


def _idle(there: dict[Member, tuple[str | None, str, int]], one: Member) -> bool:
    return there[one][1] in ("head", "kept")


def _change(
    standing: Standing,
    there: dict[Member, tuple[str | None, str, int]],
    one: Member,
    act: str,
    now: int,
) -> None:
    if act == "end":
        del there[one]
        standing.leave(one)
        standing.leave(one)
        return
    group = {"busy": None, "kept": standing.kept, "stalled": standing.stalled}[act]
    standing.move(one, group, now)
    there[one] = there[one][0], act, now


@given(st.integers(16, 1 << 20), st.integers(1, 1 << 20), st.integers(1, 1 << 20))
def test_no_bound_needs_more_than_there_is(files: int, most: int, each: int) -> None:
    http = Http(connections=most, connections_per_address=each, waits=most)
    found = bounds(http, files)
    assert 1 <= found.of_address <= max(1, found.in_all // 2)
    assert found.in_all <= min(most, files - min(files // 2, 256))
    assert waits(http, found) <= found.in_all // 2


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("unix", "unix", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, are_same: bool) -> None:  # noqa: FBT001 - a column of the table
    assert (source(one) == source(other)) is are_same


@pytest.mark.parametrize(
    ("trusted", "host", "is_trusted"),
    [
        ((), "192.0.2.1", False),
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.0/24", "::1"), "192.0.2.9", True),
        (("192.0.2.0/24", "::1"), "0:0::1", True),
        (("192.0.2.0/24", "::1"), "192.0.3.9", False),
        (("192.0.2.0/24",), "nobody", False),
        (("*",), "anybody", True),
    ],
)
def test_which_proxies_are_trusted(
    trusted: tuple[str, ...],
    host: str,
    is_trusted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert (host in Proxies(trusted)) is is_trusted


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30)), max_size=50))
def test_every_event_is_told_once_or_waits_to_be(events: list[tuple[str, float]]) -> None:
    rarely = Rarely(10)
    now = 0.0
    told: dict[str, list[tuple[float, int]]] = {"a": [], "b": []}
    untold = {"a": 0, "b": 0}
    for kind, later in events:
        now += later
        untold[kind] += 1
        times = rarely.count(kind, now)
        if times is not None:
            assert times == untold[kind]
            untold[kind] = 0
            told[kind].append((now, times))
    for instants in told.values():
        for (first, _), (second, _) in itertools.pairwise(instants):
            assert second - first >= 10
    assert all(told[kind] for kind, _ in events)
