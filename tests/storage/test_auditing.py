"""The audit against an oracle that looks at every decision and every second."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.amounts import CORES, Booking
from execution_broker.domain.capability import Capability
from execution_broker.storage import auditing, bookings, sessions
from execution_broker.storage.bookings import Decision, NewBooking, Owner
from execution_broker.storage.database import Connection, Row
from execution_broker.storage.excesses import Booking as Booked
from execution_broker.storage.excesses import Ceiling, excesses
from tests.domain.builders import EXAMPLES
from tests.storage.rows import Rows, a_session

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = int(EPOCH.timestamp())
NEVER = timedelta(days=1000)
CAPACITY = 4


def at(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@st.composite
def booked(draw: st.DrawFn) -> Booked:
    made, start = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    is_held = draw(st.booleans())
    expires = at(made + draw(st.integers(1, 9))) if is_held else EPOCH + NEVER
    ended = at(made + draw(st.integers(0, 9))) if draw(st.booleans()) else EPOCH + NEVER
    return Booked(
        made=at(made),
        until=min(expires, ended),
        expires=expires,
        start=SECOND + start,
        end=SECOND + start + draw(st.integers(1, 4)),
        amount=draw(st.integers(1, 3)),
        ends_with_release=not is_held and draw(st.booleans()),
    )


def overbooked(rows: Sequence[Booked]) -> bool:
    """A decision after which, at some second it booked, there is too much and more than before."""

    def used(instant: int, live: Sequence[Booked], decided: datetime) -> int:
        second = int(decided.timestamp())
        return sum(
            row.amount
            for row in live
            if row.start <= instant
            and (instant < row.end or (row.ends_with_release and row.end <= second > instant - 30))
        )

    for decided in {row.made for row in rows}:
        own = [r for r in rows if r.made == decided < r.until]
        now = [r for r in rows if r.made <= decided < r.until]
        before = [r for r in rows if r.made < decided <= r.until and decided < r.expires]
        for instant in range(SECOND, SECOND + 12):
            most = max(CAPACITY, used(instant, before, decided))
            has_booked = any(row.start <= instant < row.end for row in own)
            if has_booked and used(instant, now, decided) > most:
                return True
    return False


@EXAMPLES
@given(st.lists(booked(), max_size=8))
def test_a_sweep_finds_what_looking_everywhere_finds(rows: list[Booked]) -> None:
    ceiling = Ceiling()
    ceiling.add(EPOCH, CAPACITY)
    ordered = sorted(rows, key=lambda row: row.made)
    assert bool(list(excesses(ordered, ceiling))) == overbooked(rows)


def counted(made: int, until: timedelta, start: int, end: int, amount: int) -> Booked:
    """Confirmed, and on time."""
    return Booked(
        made=at(made),
        until=EPOCH + until,
        expires=EPOCH + NEVER,
        start=SECOND + start,
        end=SECOND + end,
        amount=amount,
        ends_with_release=False,
    )


def test_what_takes_the_place_of_another_is_more_from_the_end_of_that_on() -> None:
    """Though there was too much before, as capacity was lost, and nothing begins there."""
    ceiling = Ceiling()
    ceiling.add(EPOCH, 2 * CAPACITY)
    ceiling.add(at(2), CAPACITY)
    beside, before = counted(1, NEVER, 2, 8, 3), counted(1, timedelta(seconds=2), 2, 4, 3)
    longer, shorter = counted(2, NEVER, 2, 8, 3), counted(2, NEVER, 2, 3, 3)
    assert list(excesses([beside, before, shorter], ceiling)) == []
    (found,) = excesses([beside, before, longer], ceiling)
    assert (found.booked, found.used, found.capacity) == (SECOND + 4, 6, CAPACITY)


def test_what_is_late_counts_beside_what_is_booked_for_before_its_decision() -> None:
    ceiling = Ceiling()
    ceiling.add(EPOCH, CAPACITY)
    late = counted(0, NEVER, 0, 1, 1)._replace(ends_with_release=True)
    rows = [late, counted(0, NEVER, 1, 2, 3), counted(2, NEVER, 0, 2, 1)]
    assert overbooked(rows)
    assert len(list(excesses(rows, ceiling))) == 1


async def book(database: Any, rows: Rows, amount: int, made: datetime, **more: Any) -> None:
    """From the second 100 to 200, unless `start` and `end` say otherwise."""

    async def work(connection: Connection) -> None:
        owner = Owner(rows.identity, rows.session.offerset, more.get("session"))
        start, end = more.get("start", 100), more.get("end", 200)
        booking = Booking({CORES: amount}, start, end, "compute")
        decision = await _decided(connection, rows, made)
        new = NewBooking(rows.platform, booking, owner, more.get("expires"))
        await bookings.write(connection, decision, bookings.adding([new], decision))

    await database.write(work)


async def has(database: Any, rows: Rows, cores: int, since: datetime) -> None:
    capability = Capability(capacity={CORES: cores}, executables=())

    async def work(connection: Connection) -> None:
        decision = await _decided(connection, rows, since)
        await bookings.save_report(connection, decision, rows.platform, capability)

    await database.write(work)


async def _decided(connection: Connection, rows: Rows, when: datetime) -> Decision:
    return (await bookings.decide(connection, [rows.platform]))._replace(now=when)


async def found(database: Any) -> list[str]:
    audit = await auditing.audit(database, at_once=1)
    return [one.kind for one in audit.findings]


async def test_too_much_is_found_whoever_holds_it(database: Any) -> None:
    rows = await a_session(database)
    hour = timedelta(hours=1)
    await has(database, rows, 3, rows.now)
    await book(database, rows, 2, rows.now, expires=rows.now + hour)
    assert await found(database) == ["booked-though-ended"]  # its offers are not open
    await book(database, rows, 2, rows.now + 2 * hour)
    assert "overbooked" not in await found(database)
    await book(database, rows, 2, rows.now + 3 * hour)
    audit = await auditing.audit(database)
    (excess,) = [one for one in audit.findings if one.kind == "overbooked"]
    assert (excess.used, excess.capacity, excess.amount) == (4, 3, CORES)
    assert excess.booked == datetime.fromtimestamp(100, UTC)


async def test_a_cut_is_no_fault_but_booking_more_after_it_is(database: Any) -> None:
    rows = await a_session(database)
    hour = timedelta(hours=1)
    await has(database, rows, 4, rows.now)
    await book(database, rows, 4, rows.now)
    await has(database, rows, 2, rows.now + hour)
    assert "overbooked" not in await found(database)
    await book(database, rows, 1, rows.now + 3 * hour)
    assert "overbooked" in await found(database)


async def test_what_is_late_is_no_fault_but_booking_its_place_is(database: Any) -> None:
    rows = await a_session(database)
    second = int(rows.now.timestamp())
    await has(database, rows, 2, rows.now)
    past = {"start": second - 90, "end": second - 60}
    await book(database, rows, 2, rows.now - timedelta(seconds=90), session=7, **past)
    for later in (30, 60):
        free = {"start": second + later, "end": second + 90}
        await book(database, rows, 1, rows.now + timedelta(seconds=later - 30), session=8, **free)
        assert "overbooked" not in await found(database)
    taken = {"start": second + 60, "end": second + 120}
    await book(database, rows, 1, rows.now + timedelta(seconds=31), session=9, **taken)
    audit = await auditing.audit(database)
    (excess,) = [one for one in audit.findings if one.kind == "overbooked"]
    assert (excess.used, excess.capacity) == (5, 2)
    assert excess.booked == datetime.fromtimestamp(second + 60, UTC)


async def test_an_accepted_session_must_book_and_a_released_one_must_not(
    database: Any,
) -> None:
    rows = await a_session(database)
    await has(database, rows, 3, rows.now)
    session = rows.session

    async def save(connection: Connection) -> None:
        session.accepted = rows.now
        await sessions.save(connection, session, rows.now)

    await database.write(save)
    assert await found(database) == ["not-booked"]
    await book(database, rows, 2, rows.now, session=session.id)
    assert await found(database) == []
    session.ended = session.released = rows.now
    await database.write(save)
    assert await found(database) == ["booked-though-ended"]


class Watched:
    """A database whose bookings may be read in a transaction, but not judged: to say which of two
    seconds is the earlier one is to judge."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.is_open = False
        self.judged = 0

    async def read(self, work: Any) -> Any:
        async def watched(connection: Any) -> Any:
            self.is_open = True
            try:
                return await work(WatchedRows(connection, self))
            finally:
                self.is_open = False

        return await self.database.read(watched)


class WatchedRows:
    def __init__(self, connection: Any, watching: Watched) -> None:
        self.clock = connection.clock
        self._connection = connection
        self._watching = watching

    async def rows(self, statement: str, /, **values: Any) -> list[Row]:
        watching = self._watching

        class Second(int):
            def __lt__(self, other: int) -> bool:
                assert not watching.is_open, "judged while the transaction waits"
                watching.judged += 1
                return int(self) < other

        found = await self._connection.rows(statement, **values)
        return [
            {**row, "start_second": Second(row["start_second"])} if "start_second" in row else row
            for row in found
        ]


async def test_what_was_read_is_judged_when_the_transaction_has_ended(database: Any) -> None:
    """A server ends a transaction that waits for 15 seconds."""
    rows = await a_session(database)
    hour = timedelta(hours=1)
    await has(database, rows, 3, rows.now)
    await book(database, rows, 2, rows.now)
    await book(database, rows, 2, rows.now + hour)
    watched: Any = Watched(database)
    audit = await auditing.audit(watched)
    assert "overbooked" in [one.kind for one in audit.findings]
    assert watched.judged
