"""Finds out what could be offered for a request, from what is stored (N2)."""

from datetime import datetime, timedelta
from typing import NamedTuple

from execution_broker.domain import messages
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.capability import Capability
from execution_broker.domain.demand import Demand, Lookup
from execution_broker.domain.negotiation import Rules, Site, negotiate
from execution_broker.domain.offer import No, Verdict
from execution_broker.domain.resolve import Defaults, resolve
from execution_broker.models.reading import Reading
from execution_broker.services.calendars import Calendars
from execution_broker.services.probes import Probes
from execution_broker.storage import bookings
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.records import StoredPlatform


class Place(NamedTuple):
    """A platform that may be offered, with its calendar as this process knows it."""

    stored: StoredPlatform
    capability: Capability
    calendar: Calendar

    def site(self, lookups: dict[str, Lookup]) -> Site:
        return Site(
            name=self.stored.name,
            capability=self.capability,
            calendar=self.calendar,
            lookups=lookups,
        )


class Negotiated(NamedTuple):
    """A verdict, what it was about, and the instant and platforms it was found with.

    `demand` is None when the request could not even be resolved: then the verdict is a NO.
    """

    verdict: Verdict
    demand: Demand | None
    platforms: dict[str, StoredPlatform]
    now: datetime


class Negotiator:
    """Negotiates on cached calendars; what it finds is only proposed (B4)."""

    def __init__(
        self,
        database: Database,
        probes: Probes,
        rules: Rules,
        defaults: Defaults,
        stale: timedelta,
    ) -> None:
        """A capability older than `stale` makes no offers."""
        self._database = database
        self._probes = probes
        self._calendars = Calendars()
        self._rules = rules
        self._defaults = defaults
        self._stale = stale

    async def negotiate(self, reading: Reading) -> Negotiated:
        """A YES with offers or a NO with reasons; nothing is held yet."""
        remarks = tuple(
            messages.UNKNOWN_KIND(place=one.place, kind=one.kind, known=", ".join(one.known))
            for one in reading.unknown
        )
        places, now = await self._database.read(self._places)
        demand = resolve(reading.request, self._defaults, int(now.timestamp()), remarks)
        if isinstance(demand, No):
            return Negotiated(demand, None, {}, now)
        lookups = await self._probes.look_up(demand)
        if lookups:
            places, now = await self._database.read(self._places)
        if not places:
            none = messages.NO_PLATFORM(reason="none has reported lately")
            return Negotiated(No((none,)), demand, {}, now)
        sites = [place.site(lookups) for place in places]
        verdict = negotiate(demand, sites, self._rules, int(now.timestamp()))
        return Negotiated(
            verdict, demand, {place.stored.name: place.stored for place in places}, now
        )

    async def _places(self, connection: Connection) -> tuple[list[Place], datetime]:
        """The platforms that reported lately (N2) and are not overcommitted (B7)."""
        platforms = await bookings.platforms(connection)
        now = await bookings.decision_time(connection, platforms)
        places: list[Place] = []
        for platform in platforms:
            if platform.capability is None or platform.reported is None:
                continue
            if now - platform.reported <= self._stale and not platform.overcommitted:
                calendar = await self._calendars.current(connection, platform, now)
                places.append(Place(platform, platform.capability, calendar))
        return places, now
