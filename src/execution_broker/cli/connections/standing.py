"""Which connections there are, which of them keep nobody busy, and since when."""

from abc import ABC, abstractmethod
from typing import Final

from execution_broker.cli.connections.bounds import Bounds
from execution_broker.cli.connections.refusal import Refusal


class Full(Exception):
    """There may be no more connections, and none can be closed for a new one.

    `bound`: `all`, or `address` where it is that of one address.
    """

    def __init__(self, bound: str) -> None:
        super().__init__(bound)
        self.bound = bound


class Member(ABC):
    """A connection, as it stands. While a request is carried out it is in no group."""

    group: "dict[Member, float] | None" = None
    address: str | None = None

    @property
    @abstractmethod
    def is_unsent(self) -> bool:
        """Whether something that was written has not been taken yet."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Answer this, if anything has been asked, and close it."""

    @abstractmethod
    def abort(self) -> None:
        """Close it at once."""


class Standing:
    """All connections, counted by address. A group has its members in the order in which they came
    to it, and the instants when that was.

    `heads`: the head of a request is awaited, the first or one that has begun. `kept`: all that
    was asked is answered, and nothing has come since. `stalled`: it does not take what it is sent.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds: Final = bounds
        self.heads: Final[dict[Member, float]] = {}
        self.kept: Final[dict[Member, float]] = {}
        self.stalled: Final[dict[Member, float]] = {}
        self._addresses: dict[str | None, set[Member]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def admit(self, one: Member, address: str | None, now: float) -> "tuple[Member, str] | None":
        """Count a new connection. No address: only the bound of all holds for it.

        Where there are as many as there may be, the one that has kept nobody busy for longest is
        not counted any more, and is returned with the bound that it was closed for. Full if every
        one is busy.
        """
        place = self._place_for(address)
        if place is not None:
            self.leave(place[0])
        one.address = address
        self._addresses.setdefault(address, set()).add(one)
        self._count += 1
        self.move(one, self.heads, now)
        return place

    def move(self, one: Member, group: dict[Member, float] | None, now: float = 0) -> None:
        """To the end of a group, or to none."""
        if one.group is not None:
            one.group.pop(one, None)
        one.group = group
        if group is not None:
            group[one] = now

    def leave(self, one: Member) -> None:
        """It is closed. Repeatable."""
        self.move(one, None)
        same = self._addresses.get(one.address, set())
        if one in same:
            same.remove(one)
            self._count -= 1
            if not same:
                del self._addresses[one.address]

    def _place_for(self, address: str | None) -> "tuple[Member, str] | None":
        same = self._addresses.get(address, set())
        if address is not None and len(same) >= self.bounds.of_address:
            return self._longest([one for one in same if self._is_idle(one)], "address"), "address"
        if self._count >= self.bounds.in_all:
            firsts = [next(iter(group)) for group in (self.heads, self.kept) if group]
            return self._longest(firsts, "all"), "all"
        return None

    def _is_idle(self, one: Member) -> bool:
        return one.group is self.heads or one.group is self.kept

    def _longest(self, idle: list[Member], bound: str) -> Member:
        if not idle:
            raise Full(bound)
        return min(idle, key=lambda one: (one.group or {})[one])
