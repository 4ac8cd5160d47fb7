"""Calendars: how much is booked on each platform, kept up by version and never made anew (B4)."""

import heapq
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import msgspec

from execution_broker.domain.amounts import Booking, Stretch
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.negotiation import Hold, Unanswered
from execution_broker.domain.reserving import booked_until
from execution_broker.storage import calendars
from execution_broker.storage.calendars import Change
from execution_broker.storage.database import Connection, Database, Glance
from execution_broker.storage.records import StoredPlatform

_FORGET_EVERY: Final = 3600
_OLDEST: Final = timedelta(hours=1)
_UNKNOWN: Final = -1


class News(NamedTuple):
    """What changed on a platform since a calendar was last taken further; all of it, if `whole`."""

    platform: StoredPlatform
    changes: list[Change]
    whole: bool


class Calendars:
    """The calendars of all platforms, as this process knows them.

    They are used by one thread at a time: whoever looks at one, or calls `take`, has `turn`.
    Read without the platform's lock, they lag behind and only propose; with what was read under
    that lock they are exact.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._cached: dict[int, _Cached] = {}
        self._now = datetime.min.replace(tzinfo=UTC)

    async def news(
        self, connection: Connection, platforms: Iterable[StoredPlatform], now: datetime
    ) -> list[News]:
        """What is new of platforms whose rows were just read by the same transaction."""
        return [
            News(one, [], whole=False)
            if self._knows(one)
            else await self._news(connection, one, now)
            for one in platforms
        ]

    async def glance(
        self, database: Database, platforms: Iterable[StoredPlatform], now: datetime
    ) -> list[News]:
        """What is new of platforms that were just looked at, to propose with: a statement for each
        that has changed. It may tell of later changes, too, and the next news tell them again."""
        return [
            News(one, [], whole=False)
            if self._knows(one)
            else await database.look(partial(self._news, platform=one, now=now))
            for one in platforms
        ]

    def doubt(self, locked: Iterable[StoredPlatform]) -> None:
        """Make anew what knows more than a locked platform: the database was put back."""
        with self.turn:
            for platform in locked:
                cached = self._cached.get(platform.id)
                if cached is not None and cached.version > platform.version:
                    cached.version = _UNKNOWN

    def version(self, platform: int) -> int | None:
        """Up to which version a platform's calendar is known; None if it is to be made anew."""
        cached = self._cached.get(platform)
        return None if cached is None or cached.version == _UNKNOWN else cached.version

    def is_old(self, platform: StoredPlatform, now: datetime) -> bool:
        """Whether changes since its version are not enough to take a calendar further."""
        cached = self._cached.get(platform.id)
        return cached is None or cached.is_old(platform, now)

    @contextmanager
    def without(self, platform: int, ids: Iterable[int]) -> Iterator[Calendar]:
        """A known platform's calendar without some bookings, as far as they count in it. The
        caller has `turn` all the time."""
        cached = self._cached[platform]
        out = cached.known(ids)
        for booking in out:
            cached.calendar.remove(booking)
        try:
            yield cached.calendar
        finally:
            for booking in out:
                cached.calendar.add(booking)

    def late(self, platforms: Iterable[int]) -> Mapping[int, Mapping[int, Booking]]:
        """What counts beyond their ends of bookings that are late, by platform and by the keys of
        these bookings. The caller has `turn`."""
        return {platform: self._cached[platform].late for platform in platforms}

    def unanswered(self, platform: int, identity: int) -> Unanswered:
        """What is held by unanswered offers on a known platform, for one who asks there. To be used
        in the turn in which the calendar was taken."""
        cached = self._cached[platform]
        return Unanswered(cached.rest, lambda: cached.holds(identity))

    def leave(self, changes: Mapping[int, Iterable[Stretch]]) -> None:
        """What was decided stays in the calendars until they are taken again. What is read then
        mostly tells the same, and only the difference is worked in: all is taken back, if the
        transaction has not ended or came to nothing. The caller has `turn`."""
        for platform, stretches in changes.items():
            self._cached[platform].leave(stretches)

    def take(self, news: Iterable[News], now: datetime) -> Mapping[int, Calendar]:
        """The calendars once they know this, by platform. The caller has `turn`."""
        self._now = max(self._now, now)
        return {one.platform.id: self._take(one) for one in news}

    def latest(self, now: datetime) -> datetime:
        """`now`, or the time up to which expired holds were dropped, if that is later: somebody who
        proposes has looked at a clock meanwhile, or a clock was set back. Who decides asks for it
        in the turn in which the calendars are taken."""
        return max(self._now, now)

    def _knows(self, platform: StoredPlatform) -> bool:
        cached = self._cached.get(platform.id)
        return cached is not None and cached.version >= platform.version

    async def _news(self, connection: Glance, platform: StoredPlatform, now: datetime) -> News:
        cached = self._cached.get(platform.id)
        if cached is None or cached.is_old(platform, now):
            changes = await calendars.start(connection, platform.id, now)
            return News(platform, changes, whole=True)
        changes = await calendars.changes(connection, platform.id, cached.version)
        return News(platform, changes, whole=False)

    def _take(self, news: News) -> Calendar:
        cached = self._cached.get(news.platform.id)
        if news.whole and (cached is None or cached.version < news.platform.version):
            cached = self._cached[news.platform.id] = _Cached(news.platform, news.changes)
        assert cached is not None, "the first news of a platform are whole"
        if _UNKNOWN < cached.version <= news.platform.version and not news.whole:
            cached.catch_up(news)
        else:
            cached.settle()
        cached.advance(self._now)
        return cached.calendar


class _Cached:
    """`calendar`: of all that counts. `rest`: of what is not held by unanswered offers."""

    def __init__(self, platform: StoredPlatform, changes: Iterable[Change]) -> None:
        live = {one.id: one for one in changes if not one.has_ended}
        self.version = platform.version
        self.calendar = Calendar(platform.capacity, (one.booking for one in live.values()))
        self.rest = Calendar(
            platform.capacity, (one.booking for one in live.values() if one.expires is None)
        )
        self._held: dict[int, Change] = {}
        self._bookings: dict[int, Booking] = {}
        self.late: dict[int, Booking] = {}
        self._expiries: list[tuple[datetime, int]] = []
        self._ends: list[tuple[int, int]] = []
        for one in live.values():
            self._know(one)
        self._forgotten = 0
        self._known = platform.decided
        self._unsettled: dict[tuple[str, int, int], int] = {}

    def is_old(self, platform: StoredPlatform, now: datetime) -> bool:
        """Whether changes since are not enough: what has ended is not kept for ever."""
        return self.version == _UNKNOWN or (
            self.version < platform.version and (self._known is None or now - self._known > _OLDEST)
        )

    def catch_up(self, news: News) -> None:
        self.version = news.platform.version
        self.calendar.capacity = self.rest.capacity = dict(news.platform.capacity)
        self._known = news.platform.decided
        for change in news.changes:
            if change.has_ended:
                for booking in self._taken_out(change.id):
                    self._count(booking, -1)
            elif change.id not in self._bookings:
                self._know(change)
                self._count(change.booking, 1)
                if change.expires is None:
                    self.rest.add(change.booking)
        self.settle()

    def leave(self, stretches: Iterable[Stretch]) -> None:
        """These are in the calendar already, and to be taken back unless what is read says so."""
        for name, start, end, amount in stretches:
            key = name, start, end
            self._unsettled[key] = self._unsettled.get(key, 0) - amount

    def settle(self) -> None:
        """Work in what is known and not in the calendar yet."""
        self.calendar.change(
            Stretch(*key, amount) for key, amount in self._unsettled.items() if amount
        )
        self._unsettled.clear()

    def known(self, ids: Iterable[int]) -> list[Booking]:
        """Those of these bookings that count."""
        found = list(ids)
        return [
            known[id_] for known in (self._bookings, self.late) for id_ in found if id_ in known
        ]

    def holds(self, identity: int) -> list[Hold]:
        """What unanswered offers hold, for one who asks."""
        return [
            Hold(one.offerset, one.identity == identity, _second_after(one.expires), one.booking)
            for one in self._held.values()
            if one.expires is not None
        ]

    def advance(self, now: datetime) -> None:
        """Let it be that time: holds expire, and what is not released by its end is late (B6)."""
        while self._expiries and self._expiries[0][0] <= now:
            self._drop(heapq.heappop(self._expiries)[1])
        second = int(now.timestamp())
        while self._ends and self._ends[0][0] <= second:
            self._prolong(heapq.heappop(self._ends)[1], second)
        self._forget(second)

    def _know(self, change: Change) -> None:
        self._bookings[change.id] = change.booking
        if change.expires is not None:
            self._held[change.id] = change
            heapq.heappush(self._expiries, (change.expires, change.id))
        elif change.ends_with_release:
            heapq.heappush(self._ends, (change.booking.end, change.id))

    def _prolong(self, id_: int, second: int) -> None:
        """Count what is late for longer, and look again when half of that is over."""
        booking = self._bookings.get(id_)
        if booking is None:
            return
        before = self.late.get(id_)
        if before is not None:
            self.calendar.remove(before)
            self.rest.remove(before)
        until = booked_until(booking.end, second)
        self.late[id_] = late = msgspec.structs.replace(booking, start=booking.end, end=until)
        self.calendar.add(late)
        self.rest.add(late)
        heapq.heappush(self._ends, ((second + until) // 2, id_))

    def _count(self, booking: Booking, sign: int) -> None:
        for name, start, end, amount in booking.stretches():
            key = name, start, end
            self._unsettled[key] = self._unsettled.get(key, 0) + sign * amount

    def _drop(self, id_: int) -> None:
        for booking in self._taken_out(id_):
            self.calendar.remove(booking)

    def _taken_out(self, id_: int) -> list[Booking]:
        """All that counts of a booking, which is not known any more from now on."""
        known = [self._bookings.pop(id_, None), self.late.pop(id_, None)]
        counted = [booking for booking in known if booking is not None]
        if self._held.pop(id_, None) is None:
            for booking in counted:
                self.rest.remove(booking)
        return counted

    def _forget(self, second: int) -> None:
        """What lies in the past does not matter any more."""
        if second - self._forgotten < _FORGET_EVERY:
            return
        self._forgotten = second
        for id_, booking in list(self._bookings.items()):
            if booking.end <= second and id_ not in self.late:
                self._drop(id_)
        self.calendar.forget_before(second)
        self.rest.forget_before(second)


def _second_after(instant: datetime) -> int:
    """The first whole epoch second at which something that expires then does not count."""
    return -int(-instant.timestamp() // 1)
