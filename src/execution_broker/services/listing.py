"""Lists: what an identity has, newest first, page by page; the administrator sees everybody's."""

from datetime import datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from execution_broker.domain.identity import Caller
from execution_broker.domain.iso8601 import write_epochs, write_seconds
from execution_broker.domain.paging import MOST, Page, SessionFilter
from execution_broker.models import kinds
from execution_broker.models.listing import OfferSetSummary, SessionSummary
from execution_broker.models.phases import SessionPhase
from execution_broker.storage import listing
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.listing import ListedOfferSet, ListedSession

_LOOKS: Final = 10
"""How many pages are looked through for a name in one call."""


class Sessions(NamedTuple):
    """`cursor`: where the next page begins, if there may be one."""

    summaries: tuple[SessionSummary, ...]
    cursor: UUID | None


class OfferSets(NamedTuple):
    """`cursor`: where the next page begins, if there may be one."""

    summaries: tuple[OfferSetSummary, ...]
    cursor: UUID | None


class ListingService:
    """One short transaction for each method. `base_url` begins the addresses in lists."""

    def __init__(self, database: Database, base_url: str) -> None:
        self._database = database
        self._base_url = base_url

    async def sessions(self, caller: Caller, page: Page, wanted: SessionFilter) -> Sessions:
        """A page may be short, even empty, and have a next one: names are searched for in steps."""
        return await self._database.read(partial(self._sessions, caller, page, wanted))

    async def offersets(self, caller: Caller, page: Page) -> OfferSets:
        found = await self._database.read(
            lambda connection: listing.offersets(
                connection, _whose(caller), page._replace(limit=page.limit + 1)
            )
        )
        shown = found[: page.limit]
        cursor = shown[-1].uuid if len(found) > len(shown) else None
        return OfferSets(tuple(self._offerset(one) for one in shown), cursor)

    async def _sessions(
        self, caller: Caller, page: Page, wanted: SessionFilter, connection: Connection
    ) -> Sessions:
        now = await connection.clock()
        phases = wanted.phases or frozenset(SessionPhase)
        shown: list[ListedSession] = []
        size = MOST if wanted.name else page.limit + 1
        for _ in range(_LOOKS):
            step = page._replace(limit=size)
            found = await listing.sessions(connection, _whose(caller), step, phases, now)
            for one in found:
                if len(shown) == page.limit:
                    return self._page(shown, shown[-1].uuid, now)
                if wanted.name in ("", *_names(one)):
                    shown.append(one)
            if len(found) < size:
                return self._page(shown, None, now)
            page = page._replace(cursor=found[-1].uuid)
        return self._page(shown, page.cursor, now)

    def _page(self, shown: list[ListedSession], cursor: UUID | None, now: datetime) -> Sessions:
        return Sessions(tuple(self._session(one, now) for one in shown), cursor)

    def _session(self, one: ListedSession, now: datetime) -> SessionSummary:
        is_offered = one.phase is SessionPhase.OFFERED
        phase = SessionPhase.EXPIRED if is_offered and now >= one.expires else one.phase
        executable = one.document.executable
        return SessionSummary(
            uuid=str(one.uuid),
            url=f"{self._base_url}/sessions/{one.uuid}",
            phase=phase,
            platform=one.platform,
            owner=one.owner,
            name=next(iter(_names(one)), None),
            executable=kinds.short(str(executable.__struct_config__.tag)) if executable else None,
            created=one.created,
            modified=one.expires if phase is not one.phase else one.modified,
            start=write_epochs(one.terms.earliest, one.terms.latest + 1),
            duration=write_seconds(one.terms.duration),
            expires=one.expires if phase is SessionPhase.OFFERED else None,
            started=one.started,
            ends=one.ends,
            ended=one.expires if phase is not one.phase else one.ended,
        )

    def _offerset(self, one: ListedOfferSet) -> OfferSetSummary:
        return OfferSetSummary(
            uuid=str(one.uuid),
            url=f"{self._base_url}/offersets/{one.uuid}",
            result="YES" if one.result == "YES" else "NO",
            owner=one.owner,
            created=one.created,
            expires=one.expires,
        )


def _whose(caller: Caller) -> int | None:
    return None if caller.is_administrator else caller.key


def _names(one: ListedSession) -> list[str]:
    """What a session is called: by its owner, then by the name of its executable."""
    executable = one.document.executable
    metas = (one.document.meta, executable.meta if executable else None)
    names = (one.name, *(meta.name for meta in metas if meta is not None))
    return [name for name in names if name]
