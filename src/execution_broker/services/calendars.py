"""Cached calendars: how much is booked on each platform, kept up by version (B4).

A replica's calendar only proposes: what it lags behind is found out under the lock.
"""

import heapq
from datetime import datetime
from typing import Final

from execution_broker.domain.amounts import Booking
from execution_broker.domain.calendar import Calendar
from execution_broker.storage import bookings
from execution_broker.storage.bookings import Change
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredPlatform

_FORGET_EVERY: Final = 3600


class Calendars:
    """The calendars of all platforms, as this process knows them."""

    def __init__(self) -> None:
        self._cached: dict[int, _Cached] = {}

    async def current(
        self, connection: Connection, platform: StoredPlatform, now: datetime
    ) -> Calendar:
        """The calendar of a platform, caught up with the version that was just read."""
        second = int(now.timestamp())
        cached = self._cached.get(platform.id)
        if cached is None or cached.version > platform.version:
            changes = await bookings.calendar_start(connection, platform.id, second)
            cached = self._cached[platform.id] = _Cached(platform)
        elif cached.version < platform.version:
            changes = await bookings.calendar_changes(connection, platform.id, cached.version)
        else:
            changes = []
        cached.catch_up(platform, changes, now)
        return cached.calendar


class _Cached:
    def __init__(self, platform: StoredPlatform) -> None:
        self.version = platform.version
        self.calendar = Calendar(platform.capacity)
        self._bookings: dict[int, Booking] = {}
        self._expiries: list[tuple[datetime, int]] = []
        self._forgotten = 0

    def catch_up(self, platform: StoredPlatform, changes: list[Change], now: datetime) -> None:
        self.version = platform.version
        self.calendar.capacity = dict(platform.capacity)
        for change in changes:
            if change.has_ended:
                self._drop(change.id)
            elif change.id not in self._bookings:
                self._bookings[change.id] = change.booking
                self.calendar.add(change.booking)
                if change.expires is not None:
                    heapq.heappush(self._expiries, (change.expires, change.id))
        while self._expiries and self._expiries[0][0] <= now:
            self._drop(heapq.heappop(self._expiries)[1])
        self._forget(int(now.timestamp()))

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
