"""Answers to requests, read and written for their readers."""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from execution_broker.services.booking.rooms import Rooms
from execution_broker.services.reading.keeping import Answer, Bounds, Key
from execution_broker.services.reading.of_sessions import bounds_of
from execution_broker.services.views import Audience, Viewing, view_offers_for
from execution_broker.storage import offersets, sights
from execution_broker.storage.database import Database
from execution_broker.storage.offersets import Seen
from execution_broker.storage.sights import Sight


class ReadOfferSets:
    noun = "offer set"

    def __init__(self, database: Database, rooms: Rooms, viewing: Viewing) -> None:
        self._database = database
        self._rooms = rooms
        self._viewing = viewing

    async def sights(self, uuids: Sequence[UUID]) -> Mapping[UUID, Sight]:
        return await self._database.look(partial(sights.of_offersets, uuids=uuids))

    async def write(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        uuids = list({key.uuid for key in keys})
        found = await self._database.look(partial(offersets.see_all, uuids=uuids))
        for uuid in {key.uuid for key in keys if key.audience is Audience.OWNER}:
            if uuid in found:
                await self._rooms.measure(found[uuid].offers, found[uuid].now)
        return {key: self._answer(key, found[key.uuid]) for key in keys if key.uuid in found}

    def _answer(self, key: Key, seen: Seen) -> Answer:
        shown, etag = view_offers_for(
            seen.offerset, seen.offers, key.audience, seen.now, self._viewing
        )
        return Answer(
            stamp=seen.sight.stamp,
            surroundings=seen.sight.surroundings,
            etag=etag,
            body=key.format.write(shown),
            now=seen.now,
            expires=min((one.expires for one in shown.offers if one.expires), default=None),
            bounds=max(
                (bounds_of(one, key.audience) for one in shown.offers), default=Bounds.NEVER
            ),
        )
