"""Wrong passwords: what is counted, for whom, how long, and for all processes together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from execution_broker import factory
from execution_broker.domain.errors import TooMany, Unauthenticated
from execution_broker.domain.identity import Role
from execution_broker.services.sign_ins import Allowance, Allowances, SignIns, network
from execution_broker.storage import retention
from tests.harness.broker import Broker, broker

ATTACKER, HOME = "203.0.113.9", "192.0.2.1"
MINUTE, HOUR = 60, 3600
SMALL = Allowances(
    address=Allowance(5, MINUTE), name=Allowance(8, HOUR), known=Allowance(3, MINUTE)
)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker(tmp_path) as made:
        yield made


def process(made: Broker) -> SignIns:
    """As another process has it: the same database and secret, and nothing else."""
    return SignIns(made.database, b"secret", SMALL)


async def tries(sign_ins: SignIns, name: str, address: str, most: int = 100) -> int:
    """How many wrong passwords are borne in a row."""
    for number in range(most):
        try:
            async with sign_ins.attempt(name, address) as attempt:
                await attempt.wrong()
        except TooMany:
            return number
    return most


async def sign_in(sign_ins: SignIns, name: str, address: str) -> None:
    async with sign_ins.attempt(name, address) as attempt:
        await attempt.right()


async def test_one_address_has_so_many_tries_whatever_the_names(made: Broker) -> None:
    sign_ins = process(made)
    assert sum([await tries(sign_ins, f"name-{n}", ATTACKER, 1) for n in range(8)]) == 5
    assert await tries(sign_ins, "alice", HOME) == 5


async def test_one_name_has_so_many_tries_wherever_they_come_from(made: Broker) -> None:
    sign_ins = process(made)
    assert sum([await tries(sign_ins, "alice", f"203.0.113.{n}", 1) for n in range(12)]) == 8


async def test_more_processes_give_no_more_tries(made: Broker) -> None:
    several = [process(made) for _ in range(4)]
    assert sum([await tries(one, "alice", ATTACKER) for one in several]) == 5
    later = [await tries(several[n % 4], "alice", f"203.0.113.{n}", 1) for n in range(12)]
    assert sum(later) == 8 - 5


async def test_who_is_known_to_one_process_is_known_to_all(made: Broker) -> None:
    await sign_in(process(made), "alice", HOME)
    for number in range(12):
        await tries(process(made), "alice", f"203.0.113.{number}", 2)
    assert await tries(process(made), "alice", "192.0.2.77") == 0, "a new place waits"
    for _ in range(20):
        await sign_in(process(made), "alice", HOME)
    assert await tries(process(made), "alice", HOME) == 3


async def test_who_has_not_been_seen_for_a_month_is_not_known_any_more(made: Broker) -> None:
    """What an address was once is no use to whoever has it now."""
    sign_ins = process(made)
    await sign_in(sign_ins, "alice", HOME)
    for days, is_known in ((29, True), (29, True), (31, False)):
        made.shift(timedelta(days=days))
        for number in range(8):
            await tries(sign_ins, "alice", f"203.0.113.{number}", 1)
        assert await tries(sign_ins, "alice", "192.0.2.77", 1) == 0, "a new place waits"
        assert await tries(sign_ins, "alice", HOME) == (SMALL.known.most if is_known else 0)
        if is_known:
            made.shift(timedelta(hours=1))
            await sign_in(sign_ins, "alice", HOME)


async def test_waiting_as_long_as_told_is_enough_and_no_less(made: Broker) -> None:
    sign_ins = process(made)
    await tries(sign_ins, "alice", ATTACKER)
    with pytest.raises(TooMany) as stopped:
        await sign_in(sign_ins, "alice", ATTACKER)
    assert 0 < stopped.value.retry_after <= MINUTE
    made.shift(timedelta(seconds=stopped.value.retry_after - 10))
    assert await tries(sign_ins, "alice", ATTACKER) == 0
    made.shift(timedelta(seconds=10))
    assert await tries(sign_ins, "alice", ATTACKER) == 1


async def test_what_is_right_does_not_count_and_writes_once(made: Broker) -> None:
    sign_ins = process(made)
    for _ in range(10):
        await sign_in(sign_ins, "alice", HOME)
    assert len(await made.rows("SELECT key FROM sign_in")) == 1
    assert await tries(sign_ins, "bob", HOME) == 5


async def test_what_is_being_looked_at_counts_until_it_is_known(made: Broker) -> None:
    sign_ins = process(made)
    async with asyncio.TaskGroup() as group:
        inside, done = asyncio.Semaphore(0), asyncio.Event()
        for _ in range(5):
            group.create_task(_hold(sign_ins, inside, done))
        for _ in range(5):
            await inside.acquire()
        with pytest.raises(TooMany):
            await sign_in(sign_ins, "alice", ATTACKER)
        done.set()
    await sign_in(sign_ins, "alice", ATTACKER)
    assert not sign_ins._looking


async def _hold(sign_ins: SignIns, inside: asyncio.Semaphore, done: asyncio.Event) -> None:
    async with sign_ins.attempt("alice", ATTACKER):
        inside.release()
        await done.wait()


async def test_no_name_and_no_address_is_kept_as_it_is(made: Broker) -> None:
    await tries(process(made), "hunter2", ATTACKER, 1)
    (one, other) = sorted(key for (key,) in await made.rows("SELECT key FROM sign_in"))
    for key in (one, other):
        assert len(key) == 64
        assert int(key, 16) >= 0


async def test_what_is_long_over_is_forgotten(made: Broker) -> None:
    sign_ins = process(made)
    await tries(sign_ins, "alice", ATTACKER)
    await sign_in(sign_ins, "alice", HOME)
    for days, left in ((1, 3), (2, 1), (40, 0)):
        made.shift(timedelta(days=days))
        await made.database.write(_forget)
        assert len(await made.rows("SELECT key FROM sign_in")) == left


async def _forget(connection: Any) -> None:
    await retention.forget_rest(connection, await connection.clock() - timedelta(days=2), 100)


async def test_guesses_are_counted_by_all_services_of_one_database(made: Broker) -> None:
    """The same through what the interface calls, with the allowances that everybody has."""
    await made.services.identities.add("alice", "right", Role.USER)
    instance = await factory.open_instance(made.database, made.settings)
    replicas = [
        factory.make_services(made.open_database(), made.settings, instance, "http://b.example")
        for _ in range(3)
    ]
    wrong = 0
    with suppress(TooMany):
        for number in range(200):
            try:
                identities = replicas[number % 3].identities
                await identities.authenticate("alice", f"wrong {number}", ATTACKER)
            except Unauthenticated:
                wrong += 1
    allowed = Allowances().address
    assert allowed.most <= wrong < 2 * allowed.most


async def test_many_at_once_with_the_same_password_are_one(made: Broker) -> None:
    """A client with many connections is no guesser, however many come before it is known."""
    identities = made.services.identities
    await identities.add("alice", "right", Role.USER)
    many = [identities.authenticate("alice", "right", HOME) for _ in range(100)]
    assert len(set(await asyncio.gather(*many))) == 1
    made.services.identities._passwords._remembered.clear()
    again = [identities.authenticate("alice", "right", HOME) for _ in range(100)]
    assert len(set(await asyncio.gather(*again))) == 1


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
