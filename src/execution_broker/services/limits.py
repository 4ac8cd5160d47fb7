"""What one identity may ask of the broker (B8), and how often a password may be guessed."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple, TypeVar

from execution_broker.domain.errors import TooMany

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RequestRate:
    """At most so many requests a minute for each identity, counted in this process.

    A bucket of that many requests that fills up evenly.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, identity: int) -> None:
        """Count one request. TooMany, with the time to wait, when there were too many."""
        now = self._clock()
        left, then = self._buckets.get(identity, (self._most, now))
        left = min(self._most, left + (now - then) * self._most / 60)
        if left < 1:
            raise TooMany(
                f"More than {self._most:.0f} requests in a minute.",
                "Wait a little and send it again.",
                retry_after=max(1, round((1 - left) * 60 / self._most)),
            )
        self._buckets[identity] = (left - 1, now)


class Allowance(NamedTuple):
    """So many at once, and then so many a minute."""

    most: int
    per_minute: float


class Allowances(NamedTuple):
    """How many wrong passwords are borne: from one address, for one name from anywhere, and for
    one name from an address it has signed in from."""

    address: Allowance = Allowance(30, 10)
    name: Allowance = Allowance(60, 6)
    known: Allowance = Allowance(10, 10)


class SignIns:
    """Bounds the guessing of passwords, in this process, and locks nobody out of their own desk.

    Wrong passwords are counted for the address and for the name. A name that is under attack is
    closed to addresses it never signed in from; those it has signed in from have a count of
    their own, which nobody elsewhere can use up. The price: who is under attack cannot sign in
    from a new place until it ends, and a botnet gets one guess per address more than one
    machine would. Memory is bounded: what was not used for longest is forgotten first.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        allowances: Allowances = Allowances(),  # noqa: B008 - a frozen value
        most_remembered: int = 10_000,
    ) -> None:
        self._addresses = _Buckets(allowances.address, clock, most_remembered)
        self._names = _Buckets(allowances.name, clock, most_remembered)
        self._pairs = _Buckets(allowances.known, clock, most_remembered)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._most = most_remembered

    def attempt(self, name: str, address: str) -> None:
        """Count an attempt as wrong before it is checked; TooMany if there were too many."""
        place = network(address)
        if (name, place) in self._known:
            self._pairs.take((name, place))
            return
        self._addresses.take(place)
        self._names.take(name)

    def succeeded(self, name: str, address: str) -> None:
        """The attempt was right: it does not count, and the address is one of this name."""
        place = network(address)
        if (name, place) in self._known:
            self._pairs.give_back((name, place))
        else:
            self._addresses.give_back(place)
            self._names.give_back(name)
        _touch(self._known, (name, place), None, self._most)


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


class _Level(NamedTuple):
    left: float
    at: float


class _Buckets:
    """A bucket for each key, which fills up evenly. Full ones are as good as forgotten."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float], most: int) -> None:
        self._allowance = allowance
        self._clock = clock
        self._most = most
        self._levels: OrderedDict[Hashable, _Level] = OrderedDict()

    def take(self, key: Hashable) -> None:
        now, left = self._clock(), self._left(key)
        if left < 1:
            wait = (1 - left) * 60 / self._allowance.per_minute
            raise TooMany(
                "There were too many wrong passwords.",
                "Wait, and check the user name and the password before you try again.",
                retry_after=max(1, round(wait)),
            )
        _touch(self._levels, key, _Level(left - 1, now), self._most)

    def give_back(self, key: Hashable) -> None:
        left = min(float(self._allowance.most), self._left(key) + 1)
        _touch(self._levels, key, _Level(left, self._clock()), self._most)

    def _left(self, key: Hashable) -> float:
        most = float(self._allowance.most)
        level = self._levels.get(key)
        if level is None:
            return most
        gained = (self._clock() - level.at) * self._allowance.per_minute / 60
        return min(most, level.left + gained)


def _touch(table: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Set a value as the one used last, and forget those used first if there are too many."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > most:
        table.popitem(last=False)
