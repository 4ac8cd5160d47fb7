"""What a database promises to transactions."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution_broker.domain.errors import Unavailable
from execution_broker.storage import (
    events,
    identities,
    migrate,
    offersets,
    sessions,
)
from execution_broker.storage.database import Connection, Glance
from execution_broker.storage.records import NewEvent, Progress
from execution_broker.storage.sqlite import SqliteDatabase
from execution_broker.storage.statements import statements
from tests.storage.rows import a_session, add_event


async def test_parts_are_all_written_however_often_the_same_ones_come(database: Any) -> None:
    """Some of three, in turns: none is left out or written twice, whatever is sent of them."""
    rows = await a_session(database)
    times = 30

    async def work(connection: Connection) -> None:
        for number in range(1, times + 1):
            touched = [{"session": rows.session.id}]
            learned = [
                {"platform": rows.platform, "name": name, "value": float(number)}
                for name in ("one", "two")
            ]
            total = [{"session": rows.session.id, "name": "stdout", "total": number}]
            parts: dict[str, list[dict[str, Any]]] = {
                "touch_session": touched,
                "add_timing": learned,
                "save_stream_total": total,
            }
            left_out = list(parts)[number % 4] if number % 4 < 3 else None
            await connection.all(
                *((one, [] if one == left_out else values) for one, values in parts.items())
            )

    for _ in range(3):
        await database.write(work)

    async def seen(connection: Connection) -> tuple[int, int, int]:
        session = await connection.row("session_by_id", id=rows.session.id)
        learned = await connection.rows("timings", platform=rows.platform)
        (total,) = await connection.rows("stream_totals", sessions=[rows.session.id])
        assert session is not None
        return session["revision"], len(learned), total["total"]

    written = [sum(1 for number in range(1, times + 1) if number % 4 != one) for one in range(2)]
    assert await database.read(seen) == (3 * written[0], 3 * 2 * written[1], 29)


async def test_a_failed_transaction_changes_nothing(database: Any) -> None:
    async def work(connection: Connection) -> None:
        await identities.setting(connection, "name", "value")
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        await database.write(work)
    found = await database.write(lambda c: identities.setting(c, "name", "other"))
    assert found == "other"


async def test_writers_wait_for_each_other_and_lose_nothing(database: Any) -> None:
    rows = await a_session(database)

    async def add(connection: Connection) -> None:
        now = await connection.clock()
        await sessions.lock(connection, [rows.session.id])
        event = NewEvent("test", None, {}, now)
        await add_event(connection, rows.session.id, event)

    await asyncio.gather(*(database.write(add) for _ in range(50)))
    log = await database.read(lambda c: events.after(c, rows.session.id, 0))
    assert len(log) == 50
    session = await database.read(lambda c: sessions.by_id(c, rows.session.id))
    assert session is not None
    assert session.events == 50


async def test_rows_made_together_have_their_keys_in_order(database: Any) -> None:
    rows = await a_session(database)
    new = [msgspec.structs.replace(rows.answer, uuid=uuid4()) for _ in range(40)]
    ids = await database.write(lambda c: offersets.add(c, new))
    assert ids == sorted(ids)
    for id_, one in zip(ids, new, strict=True):
        seen = await database.look(partial(offersets.see, uuid=one.uuid))
        assert seen is not None
        assert (seen.offerset.id, seen.offers) == (id_, [])
        assert seen.offerset.expires == one.expires


async def test_rows_changed_together_are_each_changed_with_their_own_values(database: Any) -> None:
    all_rows = [await a_session(database) for _ in range(12)]
    parts = [part for rows in all_rows for part in rows.session.components.values()]
    for number, part in enumerate(parts):
        part.handle = f"handle {number}" if number % 2 else None
        part.progress = Progress(number, None, "bytes") if number % 3 else None
    await database.write(lambda c: sessions.save_components(c, list(reversed(parts))))
    for rows in all_rows:
        found = await database.look(partial(sessions.by_id, id_=rows.session.id))
        assert found.components == rows.session.components


@pytest.mark.parametrize("apart", [timedelta(), timedelta(seconds=1)], ids=["same", "different"])
async def test_rows_made_together_have_each_its_own_time(database: Any, apart: timedelta) -> None:
    rows = await a_session(database)
    times = [rows.now + number * apart for number in range(5)]

    async def tell(connection: Connection) -> None:
        session = await sessions.locked(connection, rows.session.id)
        assert session is not None
        session.new_events += [NewEvent("test", None, {}, time) for time in times]
        await sessions.save(connection, session, rows.now)

    before = len(await database.look(partial(events.after, session=rows.session.id, number=0)))
    await database.write(tell)
    told = await database.look(partial(events.after, session=rows.session.id, number=before))
    assert [event.time for event in told] == times


async def test_of_two_changes_of_one_row_the_later_one_is_the_last(database: Any) -> None:
    rows = await a_session(database)
    (part, *_) = rows.session.components.values()
    changes = [msgspec.structs.replace(part, handle=str(number)) for number in range(9)]
    await database.write(lambda c: sessions.save_components(c, changes))
    found = await database.look(partial(sessions.by_id, id_=rows.session.id))
    assert found.components[part.key].handle == "8"


async def test_a_look_sees_what_a_transaction_sees_at_the_time_of_the_database(
    database: Any,
) -> None:
    rows = await a_session(database)
    database.shift = timedelta(hours=5)
    seen = await database.look(partial(sessions.see, uuid=rows.session.uuid))
    assert seen is not None
    assert seen.session == await database.read(lambda c: sessions.by_id(c, rows.session.id))
    later = seen.now - rows.now
    assert timedelta(hours=5) <= later < timedelta(hours=5, minutes=10)


async def test_a_look_is_one_statement(database: Any) -> None:
    async def two(glance: Glance) -> None:
        await identities.by_name(glance, "somebody")
        await identities.by_name(glance, "somebody")

    with pytest.raises(RuntimeError, match="needs a transaction"):
        await database.look(two)


async def test_a_saved_session_reads_the_same(database: Any) -> None:
    rows = await a_session(database)
    session = rows.session
    session.facts = {"compute": {"home": "/x", "n": 3}}
    session.started = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    session.components["compute"].handle = "h"
    session.new_events.append(NewEvent("test", "compute", {"a": [1]}, rows.now))
    await database.write(lambda c: sessions.save(c, session, rows.now))
    assert await database.read(lambda c: sessions.by_uuid(c, session.uuid)) == session
    assert session.events == 1
    (event,) = await database.read(lambda c: events.after(c, session.id, 0))
    assert event == NewEvent("test", "compute", {"a": [1]}, rows.now)


@given(name=st.text(min_size=1).filter(lambda text: "\x00" not in text and text.isprintable()))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_is_stored_as_it_is(database: Any, name: str) -> None:
    assert await database.write(lambda c: identities.setting(c, "t" + name, name)) == name


async def test_work_that_awaits_something_else_is_refused(tmp_path: Path) -> None:
    migrate.upgrade_sqlite(tmp_path / "x.sqlite")
    database = SqliteDatabase(tmp_path / "x.sqlite")

    async def work(_: Connection) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but its connection"):
        await database.write(work)
    await database.close()


async def test_every_statement_has_a_sentence_and_is_unique() -> None:
    texts = [file.read_text() for file in Path(migrate.__file__).with_name("sql").iterdir()]
    heads = [line for text in texts for line in text.splitlines() if line.startswith("-- ")]
    parts = [head for head in heads if head.startswith("-- part ")]
    assert len(heads) - len(parts) == len(statements())
    assert len({head.partition(":")[0] for head in heads}) == len(heads)
    assert all(head.rstrip().endswith(".") for head in heads)


async def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "small.sqlite"
    migrate.upgrade_sqlite(path)
    database = SqliteDatabase(path)
    try:
        await database.write(lambda c: identities.setting(c, "before", "x"))

        async def limit(connection: Any) -> None:
            pages = connection._connection.execute("PRAGMA page_count").fetchone()[0]
            connection._connection.execute(f"PRAGMA max_page_count = {pages}")

        await database.write(limit)
        with pytest.raises(Unavailable, match="cannot grow"):
            await database.write(lambda c: identities.setting(c, "big", "y" * 1_000_000))
        assert await database.write(lambda c: identities.setting(c, "before", "z")) == "x"
    finally:
        await database.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_what_is_written_soon_is_seen_at_once_and_only_whole(database: Any) -> None:
    await database.write_soon(lambda c: identities.setting(c, "name", "value"))
    assert await database.write(lambda c: identities.setting(c, "name", "new")) == "value"

    async def broken(connection: Connection) -> None:
        await identities.setting(connection, "other", "value")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await database.write_soon(broken)
    assert await database.write(lambda c: identities.setting(c, "other", "new")) == "new"


async def test_a_lock_without_a_change_keeps_others_waiting_until_it_ends(database: Any) -> None:
    """What only looked is rolled back, and its locks have held until then."""
    rows = await a_session(database)
    order: list[str] = []

    async def look(connection: Connection) -> None:
        await sessions.lock(connection, [rows.session.id])
        await connection.clock()
        order.append("looked")

    async def change(connection: Connection) -> None:
        await sessions.lock(connection, [rows.session.id])
        await add_event(
            connection, rows.session.id, NewEvent("test", None, {}, await connection.clock())
        )
        order.append("changed")

    await asyncio.gather(database.write(look), database.write(change), database.write(look))
    assert sorted(order) == ["changed", "looked", "looked"]
    stored = await database.read(lambda c: sessions.by_id(c, rows.session.id))
    assert stored is not None
    assert stored.events == 1
