"""What whoever asked is told of a start that is only held, and what everybody else is told."""

from uuid import UUID

import pytest

from execution_broker.domain.iso8601 import write_epoch
from execution_broker.domain.messages import HELD, NO_CAPACITY
from execution_broker.domain.negotiation.telling import public, told
from execution_broker.domain.offer import Awaited, No, Yes
from tests.domain.builders import NOW

FULL = NO_CAPACITY(platform="here", start="now", end="then", hint="")
NAMES = {7: UUID(int=7), 8: UUID(int=8)}


def awaited(*own: int, by_others: bool) -> Awaited:
    return Awaited(
        platform="here", start=NOW + 60, until=NOW + 30, own=frozenset(own), by_others=by_others
    )


@pytest.mark.parametrize("verdict", [Yes((), {}), No((FULL,))])
def test_where_nothing_is_awaited_nothing_is_added(verdict: Yes | No) -> None:
    assert told(verdict, NAMES) is verdict


def test_what_is_held_comes_before_the_faults_of_a_no() -> None:
    held, fault = told(No((FULL,), awaited(by_others=True)), NAMES).messages
    assert (held.kind, fault) == (HELD.kind, FULL)
    assert held.values["platform"] == "here"
    assert held.values["start"] == write_epoch(NOW + 60)
    assert held.values["until"] == write_epoch(NOW + 30)


@pytest.mark.parametrize(
    ("own", "by_others", "whose", "remedy"),
    [
        ((7, 8), False, "yours", f"reject {NAMES[7]} {NAMES[8]} and ask again"),
        ((7,), True, "yours and others", f"Some of them are yours ({NAMES[7]})"),
        ((), True, "others", "They are not yours."),
    ],
)
def test_whose_they_are_and_what_to_do(
    own: tuple[int, ...], *, by_others: bool, whose: str, remedy: str
) -> None:
    (held,) = told(Yes((), {}, awaited(*own, by_others=by_others)), NAMES).messages
    assert held.values["whose"] == whose
    assert remedy in (held.message or "")
    names = " ".join(str(NAMES[key]) for key in own)
    assert held.values.get("offersets", "") == names


def test_names_that_are_not_known_are_left_out() -> None:
    """Locks were waited for, and one's own answer was made meanwhile."""
    (held,) = told(Yes((), {}, awaited(9, by_others=False)), NAMES).messages
    assert "offersets" not in held.values
    assert "reject them and ask again" in (held.message or "")


def test_everybody_else_is_not_told_what_is_held() -> None:
    both = told(No((FULL,), awaited(7, by_others=True)), NAMES).messages
    assert public(both) == (FULL,)
