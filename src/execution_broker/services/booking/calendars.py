"""Calendars: how much is booked on each platform, kept up by version and never made anew (B4)."""

import heapq
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from execution_broker.domain.amounts import Booking, Stretch
from execution_broker.domain.calendar import Calendar
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
        cached.expire(self._now)
        return cached.calendar


class _Cached:
    def __init__(self, platform: StoredPlatform, changes: Iterable[Change]) -> None:
        live = {one.id: one for one in changes if not one.has_ended}
        self.version = platform.version
        self.calendar = Calendar(platform.capacity, (one.booking for one in live.values()))
        self._bookings: dict[int, Booking] = {id_: one.booking for id_, one in live.items()}
        self._expiries = [(one.expires, one.id) for one in live.values() if one.expires]
        heapq.heapify(self._expiries)
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
        self.calendar.capacity = dict(news.platform.capacity)
        self._known = news.platform.decided
        for change in news.changes:
            if change.has_ended:
                if change.id in self._bookings:
                    self._count(self._bookings.pop(change.id), -1)
            elif change.id not in self._bookings:
                self._bookings[change.id] = change.booking
                self._count(change.booking, 1)
                if change.expires is not None:
                    heapq.heappush(self._expiries, (change.expires, change.id))

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
        return [self._bookings[id_] for id_ in ids if id_ in self._bookings]

    def expire(self, now: datetime) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            self._drop(heapq.heappop(self._expiries)[1])
        self._forget(int(now.timestamp()))

    def _count(self, booking: Booking, sign: int) -> None:
        for name, amount in booking.amounts.items():
            key = name, booking.start, booking.end
            self._unsettled[key] = self._unsettled.get(key, 0) + sign * amount

    def _drop(self, id_: int) -> None:
        booking = self._bookings.pop(id_, None)
        if booking is not None:
            self.calendar.remove(booking)

    def _forget(self, second: int) -> None:
        """What lies in the past does not matter any more."""
        if second - self._forgotten < _FORGET_EVERY:
            return
        self._forgotten = second
        for id_, booking in list(self._bookings.items()):
            if booking.end <= second:
                self._drop(id_)
        self.calendar.forget_before(second)
