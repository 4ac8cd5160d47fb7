"""What an offer is born with has no rows until something begins with it; nobody sees that."""

from functools import partial
from pathlib import Path
from uuid import UUID

from execution_broker.domain.identity import Caller
from execution_broker.models.listing import Event
from execution_broker.models.update import IntegerUpdate, StringUpdate
from execution_broker.storage.database import Connection
from execution_broker.transitions.expiring import expire
from execution_broker.transitions.replaying import Replayed, replay
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker

_ROWS = (
    "SELECT (SELECT count(*) FROM component WHERE session_id = session.id),"
    " (SELECT count(*) FROM event WHERE session_id = session.id), session.events"
    " FROM session WHERE uuid = ?"
)


async def test_an_accepted_offer_still_tells_what_was_seen_before(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        uuid, *others = await _offers(made, ada)
        seen, session = await _log(made, ada, uuid), await made.session(ada, uuid)
        assert len(seen) >= 2
        assert await made.rows(_ROWS, uuid) == [(0, 0, len(seen))]
        await made.set_phase(ada, uuid, "ACCEPTED")
        assert (await _log(made, ada, uuid))[: len(seen)] == seen
        (rows,) = await made.rows(_ROWS, uuid)
        assert rows == (4, 3, len(seen) + 2)
        after = await made.session(ada, uuid)
        assert session.compute is not None
        assert after.compute is not None
        assert after.compute.meta == session.compute.meta
        for other in others:
            told = await _log(made, ada, other)
            assert [event.type for event in told[-2:]] == ["session-phase", "message"]
            assert await made.rows(_ROWS, other) == [(0, 0, len(told))]
        await _replays(made, uuid, *others)


async def test_each_page_of_a_folded_log_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        uuid, *_ = await _offers(made, ada)
        await made.set_phase(ada, uuid, "REJECTED")
        whole = await _log(made, ada, uuid)
        for limit in (1, 2, 3):
            paged: list[Event] = []
            while page := await _log(made, ada, uuid, len(paged), limit):
                assert len(page) <= limit
                paged += page
            assert paged == whole


async def test_offers_that_come_to_nothing_are_never_unfolded(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        uuids = await _offers(made, ada)
        seen = [await _log(made, ada, uuid) for uuid in uuids]
        await made.later(hours=1)
        over = [await _log(made, ada, uuid) for uuid in uuids]
        assert [log[:-1] for log in over] == seen
        ((answer,),) = await made.rows("SELECT id FROM offerset")

        async def sweep(connection: Connection) -> None:
            await expire(connection, [answer], await connection.clock())

        await made.database.write(sweep)
        assert [await _log(made, ada, uuid) for uuid in uuids] == over
        assert [await made.rows(_ROWS, uuid) for uuid in uuids] == [
            [(0, 0, len(log))] for log in over
        ]
        await _replays(made, *uuids)


async def test_a_changed_offer_is_unfolded_first(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        renamed, resized, *_ = await _offers(made, ada)
        seen = [await _log(made, ada, uuid) for uuid in (renamed, resized)]
        update = made.services.sessions.update
        await update(UUID(renamed), ada, StringUpdate(path="meta.name", value="fit"))
        await update(UUID(resized), ada, IntegerUpdate(path="compute.cores", value=2))
        for uuid, before in zip((renamed, resized), seen, strict=True):
            told = await _log(made, ada, uuid)
            assert told[: len(before)] == before
            assert await made.rows(_ROWS, uuid) == [(4, len(told) - len(before) + 1, len(told))]
        await made.set_phase(ada, resized, "ACCEPTED")
        told = await _log(made, ada, renamed)
        assert [event.body.get("phase") for event in told[-2:]] == ["REJECTED", None]
        await _replays(made, renamed, resized)


async def _offers(made: Broker, caller: Caller) -> list[str]:
    offers = (await made.ask(caller, request())).offers
    assert len(offers) > 1
    return [uuid_of(one) for one in offers]


async def _log(
    made: Broker, caller: Caller, uuid: str, after: int = 0, limit: int = 100
) -> list[Event]:
    page = await made.services.logbook.events(UUID(uuid), caller, after, limit)
    numbers = [event.number for event in page.events]
    assert numbers == [*range(after + 1, after + 1 + len(numbers))]
    return list(page.events)


async def _replays(made: Broker, *uuids: str) -> None:
    for uuid in uuids:
        replayed = await made.database.read(partial(_replay, UUID(uuid)))
        assert replayed.differences == ()


async def _replay(uuid: UUID, connection: Connection) -> Replayed:
    return await replay(connection, uuid)
