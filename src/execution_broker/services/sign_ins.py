"""How often a password may be guessed, counted for all processes together."""

import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from execution_broker.domain.errors import TooMany
from execution_broker.storage import sign_ins
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.sign_ins import Tally, Wrong

_MONTH: Final = 30 * 86_400


class Allowance(NamedTuple):
    """So many wrong ones at once, and then one every so many seconds."""

    most: int
    seconds: int


class Allowances(NamedTuple):
    """How many wrong passwords are borne: from one address, for one name from anywhere, and for
    one name from an address it has signed in from."""

    address: Allowance = Allowance(30, 6)
    name: Allowance = Allowance(60, 10)
    known: Allowance = Allowance(10, 6)


@dataclass
class Attempt:
    """One password that is looked at. Say `right` or `wrong` once that is known."""

    _database: Database
    _place: str
    _limits: dict[str, Allowance]
    _is_known_until: int
    _now: int

    async def right(self) -> None:
        """It does not count, and its address is one of this name for a month. Rarely writes."""
        until = self._now + _MONTH
        if self._is_known_until < until - _MONTH // 2:
            await self._database.write_soon(lambda c: sign_ins.know(c, self._place, until))

    async def wrong(self) -> None:
        """Count it."""
        wrong = [Wrong(key, limit.seconds) for key, limit in self._limits.items()]

        async def work(connection: Connection) -> None:
            now = int((await connection.clock()).timestamp())
            await sign_ins.count(connection, wrong, now)

        await self._database.write_soon(work)


class SignIns:
    """Bounds the guessing of passwords, and locks nobody out of their own desk.

    Wrong passwords are counted for the address and for the name. A name that is under attack is
    closed to addresses it never signed in from; those it has signed in from have a count of
    their own, which nobody elsewhere can use up. The price: who is under attack cannot sign in
    from a new place until it ends, and a botnet gets one guess per address more than one
    machine would.

    A count is one number, the second at which all is forgiven: each wrong password moves it on.
    It is read before a password is looked at and written when that was wrong, so that what is
    right costs no write. Passwords that this process is looking at count as wrong meanwhile; so
    many processes at once may let through what is allowed once each, and then all of it has to
    be waited for. Names and addresses are kept as keyed digests.
    """

    def __init__(
        self,
        database: Database,
        secret: bytes,
        allowances: Allowances = Allowances(),  # noqa: B008 - a frozen value
    ) -> None:
        self._database = database
        self._secret = secret
        self._allowances = allowances
        self._looking: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, name: str, address: str) -> AsyncIterator[Attempt]:
        """TooMany, with the time to wait, if there were too many wrong ones."""
        source = network(address)
        by_address, by_name = self._key("address", source), self._key("name", name)
        place = self._key("place", name, source)
        keys = (by_address, by_name, place)

        async def work(connection: Connection) -> tuple[dict[str, Tally], int]:
            now = int((await connection.clock()).timestamp())
            return await sign_ins.read(connection, keys), now

        tallies, now = await self._database.read(work)
        limits = {by_address: self._allowances.address, by_name: self._allowances.name}
        if tallies[place].known_until > now:
            limits = {place: self._allowances.known}
        for key, limit in limits.items():
            _check(limit, tallies[key].forgiven - now, self._looking[key])
        self._looking.update(limits.keys())
        try:
            yield Attempt(self._database, place, limits, tallies[place].known_until, now)
        finally:
            self._looking.subtract(limits.keys())
            self._looking += Counter()  # forgets what is zero

    def _key(self, *parts: str) -> str:
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def network(address: str) -> str:
    """Who counts as one address: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def _check(limit: Allowance, owed: int, looking: int) -> None:
    """`owed`: seconds until all is forgiven; one more must not make it more than all of them."""
    wait = max(owed, 0) + (looking + 1) * limit.seconds - limit.most * limit.seconds
    if wait > 0:
        raise TooMany(
            "There were too many wrong passwords.",
            "Wait, and check the user name and the password before you try again.",
            retry_after=wait,
        )
