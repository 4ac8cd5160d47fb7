"""What is counted, for whom, and how long."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import TooMany
from execution_broker.services.limits import Allowance, Allowances, SignIns, network

ATTACKER, HOME = "203.0.113.9", "192.0.2.1"
SMALL = Allowances(address=Allowance(5, 60), name=Allowance(8, 6), known=Allowance(3, 60))


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def tries(sign_ins: SignIns, name: str, address: str, most: int = 1000) -> int:
    """How many wrong passwords are borne in a row."""
    for number in range(most):
        try:
            sign_ins.attempt(name, address)
        except TooMany:
            return number
    return most


def test_one_address_has_so_many_tries_whatever_the_names() -> None:
    sign_ins = SignIns(Clock(), SMALL)
    assert sum(tries(sign_ins, f"name-{n}", ATTACKER, 1) for n in range(20)) == 5
    assert tries(sign_ins, "alice", HOME) == 5


def test_one_name_has_so_many_tries_wherever_they_come_from() -> None:
    sign_ins = SignIns(Clock(), SMALL)
    assert sum(tries(sign_ins, "alice", f"203.0.113.{n}", 1) for n in range(50)) == 8


def test_who_has_signed_in_from_an_address_is_not_locked_out_by_others() -> None:
    sign_ins = SignIns(Clock(), SMALL)
    sign_ins.attempt("alice", HOME)
    sign_ins.succeeded("alice", HOME)
    for number in range(50):
        tries(sign_ins, "alice", f"203.0.113.{number}", 10)
    assert tries(sign_ins, "alice", "192.0.2.77") == 0, "a new place waits until it ends"
    for _ in range(100):
        sign_ins.attempt("alice", HOME)
        sign_ins.succeeded("alice", HOME)
    assert tries(sign_ins, "alice", HOME) == 3


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = Clock()
    sign_ins = SignIns(clock, SMALL)
    tries(sign_ins, "alice", ATTACKER)
    with pytest.raises(TooMany) as stopped:
        sign_ins.attempt("alice", ATTACKER)
    clock.now += stopped.value.retry_after
    sign_ins.attempt("alice", ATTACKER)


def test_what_is_right_does_not_count() -> None:
    sign_ins = SignIns(Clock(), SMALL)
    for number in range(100):
        sign_ins.attempt(f"name-{number}", ATTACKER)
        sign_ins.succeeded(f"name-{number}", ATTACKER)
    assert tries(sign_ins, "other", ATTACKER) == 5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "unix", False),
    ],
)
def test_who_counts_as_one(one: str, other: str, *, same: bool) -> None:
    assert (network(one) == network(other)) is same


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans(), st.floats(0, 30)),
        max_size=120,
    )
)
def test_memory_and_tries_are_bounded(attempts: list[tuple[int, int, bool, float]]) -> None:
    """Whatever the order: never more of one address than its allowance and what time gave back."""
    clock = Clock()
    sign_ins = SignIns(clock, SMALL, most_remembered=64)
    wrong: dict[str, int] = {}
    for name, host, right, pause in attempts:
        clock.now += pause
        address = f"192.0.2.{host}"
        try:
            sign_ins.attempt(f"name-{name}", address)
        except TooMany:
            continue
        if right:
            sign_ins.succeeded(f"name-{name}", address)
        else:
            wrong[address] = wrong.get(address, 0) + 1
        known = sum(1 for key in sign_ins._known if key[1] == address)
        most = SMALL.address.most + known * SMALL.known.most
        rate = SMALL.address.per_minute + known * SMALL.known.per_minute
        assert wrong.get(address, 0) <= most + clock.now * rate / 60
    tables = (sign_ins._addresses._levels, sign_ins._names._levels, sign_ins._pairs._levels)
    assert max(len(table) for table in (*tables, sign_ins._known)) <= 64
