"""Lists and logs from the database, on both of them."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from starlette.datastructures import Headers, QueryParams

from execution_broker.api import queries
from execution_broker.domain.errors import Forbidden, InvalidParameter, NotFound
from execution_broker.domain.identity import Role
from execution_broker.domain.paging import Page, SessionFilter
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import StringUpdate
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker

ALL = SessionFilter()


async def _names(made: Broker, filter_: SessionFilter, page: Page | None = None) -> list[str]:
    caller = await made.caller("ada")
    found = await made.services.listing.sessions(caller, page or Page(), filter_)
    return [one.uuid for one in found.summaries]


async def test_lists_have_ones_own_and_the_administrators_all(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada, bob = await made.caller("ada"), await made.caller("bob")
        admin = await made.caller("root", Role.ADMINISTRATOR)
        first = await made.run(ada, request())
        second = await made.run(bob, request())
        listing = made.services.listing
        own = (await listing.sessions(ada, Page(), ALL)).summaries
        assert {one.owner for one in own} == {"ada"}
        assert {one.uuid for one in own} >= {first}
        everybody = (await listing.sessions(admin, Page(), ALL)).summaries
        assert {one.uuid for one in everybody} >= {first, second}
        assert [one.created for one in everybody] == sorted(
            (one.created for one in everybody), reverse=True
        )
        assert len((await listing.offersets(ada, Page())).summaries) == 1
        assert len((await listing.offersets(admin, Page())).summaries) == 2


async def test_filters(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        body = request()
        body["executable"]["meta"] = {"name": "My fit"}
        offers = (await made.ask(ada, body)).offers
        uuids = {uuid_of(offer) for offer in offers}
        accepted = await made.run(ada, request())
        waiting = frozenset({SessionPhase.ACCEPTED, SessionPhase.WAITING})
        assert await _names(made, SessionFilter(waiting)) == [accepted]
        offered = SessionFilter(frozenset({SessionPhase.OFFERED}))
        assert set(await _names(made, offered)) == uuids
        assert set(await _names(made, SessionFilter(name="My fit"))) == uuids
        assert await _names(made, SessionFilter(name="my fit")) == []
        await made.later(hours=1)
        assert await _names(made, offered) == []
        expired = SessionFilter(frozenset({SessionPhase.EXPIRED}))
        assert set(await _names(made, expired)) >= uuids
        found = (await made.services.listing.sessions(ada, Page(), expired)).summaries
        assert {one.phase for one in found} == {SessionPhase.EXPIRED}
        moment = found[0].created
        earlier, later = Page(until=moment), Page(since=moment)
        both = [*await _names(made, ALL, later), *await _names(made, ALL, earlier)]
        assert both == await _names(made, ALL)
        assert found[0].uuid in await _names(made, ALL, later)


@pytest.mark.parametrize("name", ["", "My fit"])
async def test_pages_have_everything_once(tmp_path: Path, name: str) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        body = request()
        body["executable"]["meta"] = {"name": "My fit"}
        for _ in range(3):
            await made.ask(ada, body)
        whole = await _names(made, ALL)
        seen: list[str] = []
        page = Page(limit=2)
        while True:
            found = await made.services.listing.sessions(ada, page, SessionFilter(name=name))
            seen += [one.uuid for one in found.summaries]
            if found.cursor is None:
                break
            page = page._replace(cursor=found.cursor)
        assert seen == whole
        with pytest.raises(InvalidParameter):
            await made.services.listing.sessions(ada, Page(cursor=uuid4()), ALL)


async def test_pages_stay_as_they_are_while_others_are_made(tmp_path: Path) -> None:
    """Between two pages new sessions appear, and phases change: nothing is shown twice or left
    out of what was there when the first page was asked for, with a name or without one."""
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        for _ in range(4):
            await made.ask(ada, request())
        whole = await _names(made, ALL, Page(limit=200))
        renamed = StringUpdate(path="meta.name", value="fit")
        for uuid in whole:
            await made.services.sessions.update(UUID(uuid), ada, renamed)
        for wanted in (ALL, SessionFilter(name="fit")):
            seen: list[str] = []
            page = Page(limit=1)
            while True:
                found = await made.services.listing.sessions(ada, page, wanted)
                seen += [one.uuid for one in found.summaries]
                if found.cursor is None:
                    break
                await made.ask(ada, request())
                if len(seen) == 1:
                    await made.set_phase(ada, seen[0], "CANCELLED")
                page = page._replace(cursor=found.cursor)
            assert [uuid for uuid in seen if uuid in whole] == whole
            assert len(seen) == len(set(seen))


async def test_the_log_has_no_gap_and_expiry_is_in_it_at_once(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada, logbook = await made.caller("ada"), made.services.logbook
        uuid = UUID(uuid_of((await made.ask(ada, request())).offers[0]))
        before = await logbook.events(uuid, ada, 0, 100)
        assert [event.number for event in before.events] == [*range(1, len(before.events) + 1)]
        assert not before.is_over
        pulse = await logbook.pulse(uuid)
        await made.later(hours=1)
        assert await logbook.pulse(uuid) != pulse
        after = await logbook.events(uuid, ada, len(before.events), 100)
        assert [event.body for event in after.events] == [{"phase": "EXPIRED"}]
        assert after.is_over
        assert (await logbook.events(uuid, ada, len(before.events) + 1, 100)).is_over
        with pytest.raises(Forbidden):
            await logbook.events(uuid, await made.caller("bob"), 0, 1)
        with pytest.raises(NotFound):
            await logbook.events(uuid4(), ada, 0, 1)


async def test_a_long_log_comes_whole_whatever_the_pages(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada, logbook = await made.caller("ada"), made.services.logbook
        uuid = UUID(await made.run(ada, request()))
        ((key, last),) = await made.rows("SELECT id, events FROM session WHERE uuid = ?", str(uuid))
        for number in range(last + 1, 251):
            await made.rows_changed(
                "INSERT INTO event (session_id, number, type, body, happened_at) "
                "SELECT session_id, CAST(? AS INTEGER), type, body, happened_at FROM event "
                "WHERE number = CAST(? AS INTEGER) AND session_id = CAST(? AS INTEGER)",
                *(number, last, key),
            )
        await made.rows_changed(
            "UPDATE session SET events = 250 WHERE id = CAST(? AS INTEGER)", key
        )
        for limit in (7, 50, 200):
            seen: list[int] = []
            while page := (await logbook.events(uuid, ada, len(seen), limit)).events:
                seen += [event.number for event in page]
            assert seen == [*range(1, 251)]


async def test_the_last_number_there_can_be_is_asked_for(tmp_path: Path) -> None:
    """Whatever a client sends as the last event it knows, no database minds."""
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        uuid = UUID(uuid_of((await made.ask(ada, request())).offers[0]))
        after = queries.position(QueryParams({"after": str(10**30)}), Headers())
        assert (await made.services.logbook.events(uuid, ada, after, 10)).events == ()


async def test_waiting_ends_with_the_next_change(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada, logbook = await made.caller("ada"), made.services.logbook
        uuid = uuid_of((await made.ask(ada, request())).offers[0])
        pulse = await logbook.pulse(UUID(uuid))
        await logbook.changed(UUID(uuid), pulse, 0.01)
        waiting = asyncio.create_task(logbook.changed(UUID(uuid), pulse, 60))
        await made.set_phase(ada, uuid, "REJECTED")
        await asyncio.wait_for(waiting, 30)
        assert await logbook.pulse(UUID(uuid)) != pulse
