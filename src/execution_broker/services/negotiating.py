"""Finds out what could be offered for a request, from what is stored (N2)."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.demand import Demand, Lookup
from execution_broker.domain.identity import Caller
from execution_broker.domain.negotiation import Rules, Site, negotiate
from execution_broker.domain.negotiation.telling import told
from execution_broker.domain.offer import No, Verdict
from execution_broker.domain.resolve import Defaults, resolve
from execution_broker.domain.resolve.report import short
from execution_broker.models.message import Message
from execution_broker.models.reading import Reading
from execution_broker.services.booking.calendars import Calendars, News
from execution_broker.services.probes import Probes
from execution_broker.storage import bookings, offersets
from execution_broker.storage.database import Database
from execution_broker.storage.records import StoredPlatform


class Negotiated(NamedTuple):
    """A verdict, what it was about, and the instant, platforms and lookups it was found with.
    `names`: of the answers to the same caller that it tells of, by their keys.

    `demand` is None when there was too much of the request to look at: then the verdict is a NO.
    """

    verdict: Verdict
    demand: Demand | None
    platforms: dict[str, StoredPlatform]
    now: datetime
    lookups: Mapping[str, Lookup] = {}
    names: Mapping[int, UUID] = {}


class Seen(NamedTuple):
    """The platforms that may be offered, with what is new of their calendars. `lacking`: why there
    is none, where that is so."""

    platforms: list[StoredPlatform]
    news: list[News]
    now: datetime
    lacking: str


class Negotiator:
    """Negotiates on calendars that lag behind; what it finds is only proposed (B4)."""

    def __init__(
        self,
        database: Database,
        calendars: Calendars,
        probes: Probes,
        rules: Rules,
        defaults: Defaults,
        stale: timedelta,
    ) -> None:
        """A capability older than `stale` makes no offers."""
        self._database = database
        self._calendars = calendars
        self._glance = _Glance(database, calendars, stale)
        self._probes = probes
        self._rules = rules
        self._briefly = msgspec.structs.replace(rules, suggests=False)
        self._defaults = defaults

    async def negotiate(self, caller: Caller, reading: Reading) -> Negotiated:
        """A YES with offers or a NO with reasons; nothing is held yet."""
        remarks = tuple(
            messages.UNKNOWN_KIND(place=one.place, kind=short(one.kind), known=", ".join(one.known))
            for one in reading.unknown
        )
        seen = await self._glance.look()
        now = int(seen.now.timestamp())
        demand, faults, warnings = resolve(
            reading.request, self._defaults, now, remarks, reading.ignored
        )
        if demand is None:
            return Negotiated(No((*faults, *warnings)), None, {}, seen.now)
        reads = any(_reads_notebooks(one) for one in seen.platforms)
        lookups = await self._probes.look_up(caller, demand, reading.secrets, reads_notebooks=reads)
        if lookups:
            seen = await self._glance.look()
        platforms = {one.name: one for one in seen.platforms}
        if not platforms:
            no = No((*faults, messages.NO_PLATFORM(reason=seen.lacking)))
            return Negotiated(_warned(no, demand), demand, platforms, seen.now, lookups)
        with self._calendars.turn:
            calendars = self._calendars.take(seen.news, seen.now)
            verdict = self._judge(
                demand, caller, platforms, calendars, lookups, seen.now, self._rules, faults
            )
        names = await self._names(verdict)
        return Negotiated(told(verdict, names), demand, platforms, seen.now, lookups, names)

    async def keep(self, found: Negotiated, latest: int) -> None:
        """See to it that a session that starts by `latest` (in epoch seconds) finds what only the
        broker has of what it needs."""
        assert found.demand is not None, "only what was resolved is offered"
        await self._probes.keep(found.demand, datetime.fromtimestamp(latest, UTC))

    def again(
        self,
        found: Negotiated,
        caller: Caller,
        calendars: Mapping[int, Calendar],
        now: datetime,
    ) -> Negotiated:
        """The same with other calendars and at another time: those of locked platforms. A NO for
        want of room does not say what there is room for: nobody waits for that search."""
        assert found.demand is not None, "only what was resolved can be found again"
        here = {name: one for name, one in found.platforms.items() if one.id in calendars}
        verdict = self._judge(
            found.demand, caller, here, calendars, found.lookups, now, self._briefly
        )
        return found._replace(verdict=told(verdict, found.names), now=now)

    async def _names(self, verdict: Verdict) -> Mapping[int, UUID]:
        """Those of the answers that the verdict tells of."""
        own = verdict.awaited.own if verdict.awaited else ()
        return await self._database.look(partial(offersets.names, ids=own)) if own else {}

    def _judge(
        self,
        demand: Demand,
        caller: Caller,
        platforms: Mapping[str, StoredPlatform],
        calendars: Mapping[int, Calendar],
        lookups: Mapping[str, Lookup],
        now: datetime,
        rules: Rules,
        faults: Sequence[Message] = (),
    ) -> Verdict:
        sites = [
            Site(
                name=name,
                capability=platform.capability,
                calendar=calendars[platform.id],
                waiting=platform.waiting,
                unanswered=self._calendars.unanswered(platform.id, caller.key),
            )
            for name, platform in platforms.items()
            if platform.capability is not None
        ]
        verdict = negotiate(demand, sites, rules, int(now.timestamp()), lookups, faults)
        return _warned(verdict, demand) if isinstance(verdict, No) else verdict


def _warned(no: No, demand: Demand) -> No:
    """With what the request has without effect: offers would have told."""
    warnings = [message for message in demand.messages if message.level == "WARN"]
    return msgspec.structs.replace(no, messages=(*no.messages, *warnings)) if warnings else no


def _reads_notebooks(platform: StoredPlatform) -> bool:
    capability = platform.capability
    return capability is not None and any(one.languages for one in capability.executables)


class _Glance:
    """Reads the platforms, one read at a time: all who ask while one is on its way share the
    next one, which begins after they asked."""

    def __init__(self, database: Database, calendars: Calendars, stale: timedelta) -> None:
        self._database = database
        self._calendars = calendars
        self._stale = stale
        self._next: asyncio.Task[Seen] | None = None
        self._free = asyncio.Lock()

    async def look(self) -> Seen:
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look(), context=Context())
        return await asyncio.shield(self._next)

    async def _look(self) -> Seen:
        async with self._free:
            self._next = None
            return await self._see()

    async def _see(self) -> Seen:
        """The platforms that reported lately (N2)."""
        platforms, now = await self._database.look(bookings.platforms_now)
        now = self._calendars.latest(now)
        usable = [
            one
            for one in platforms
            if one.capability is not None
            and one.reported is not None
            and now - one.reported <= self._stale
        ]
        news = await self._calendars.glance(self._database, usable, now)
        return Seen(usable, news, now, _lacking(platforms))


def _lacking(platforms: Sequence[StoredPlatform]) -> str:
    if not platforms:
        return "none is configured"
    if all(one.reported is None for one in platforms):
        return "none has reported yet"
    return "none has reported lately"
