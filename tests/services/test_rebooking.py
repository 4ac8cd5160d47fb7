"""What a change books anew: from now on, and never more than it must (B6)."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from execution_broker.domain.amounts import CORES
from execution_broker.domain.errors import Conflict
from execution_broker.domain.iso8601 import to_epoch
from execution_broker.models.update import DeltaUpdate, IntegerUpdate
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.desk import Desk
from execution_broker.steps.upkeep import store_report
from execution_broker.storage import auditing
from tests.hammer.ending import end
from tests.harness.asking import request
from tests.harness.broker import Broker, broker
from tests.services.test_changing import integers
from tests.services.test_late import Soon

ONE = {"offers": 1}
DURATION = "schedule.available.duration"


async def test_what_was_booked_by_others_before_now_does_not_matter(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        theirs = await made.run(bob, request(cores=3, duration="PT10M"))
        mine = await made.run(alice, request(cores=1, duration="PT1H"))
        await made.later(minutes=20)
        four = IntegerUpdate("compute.cores", 4)
        with pytest.raises(Conflict, match="no room"):
            await made.services.sessions.update(UUID(mine), alice, four)  # theirs is late
        await made.database.write(partial(end, uuids=[UUID(theirs)]))
        await made.services.sessions.update(UUID(mine), alice, four)
        ((start, amount),) = await made.rows(
            "SELECT start_second, amount FROM booking"
            " WHERE amount_name = 'cores' AND ended_at IS NULL"
        )
        assert (start > to_epoch(await made.now()) - 60, amount) == (True, 4)
        assert (await auditing.audit(made.database)).findings == ()


async def test_a_change_lets_go_of_nothing_that_is_late(tmp_path: Path) -> None:
    """A session that no worker has begun by its end is still there, and so is what it books."""
    platforms = {"here": {"plugin": "scripted", "cores": 3}}
    async with broker(tmp_path, negotiation=ONE, platforms=platforms) as made:
        alice = await made.caller("alice")
        mine = await made.run(alice, request(cores=2, duration="PT10M"))
        await made.later(minutes=15)

        async def change(path: str, by: int, units: str) -> None:
            update = DeltaUpdate(path, by, units)
            await made.services.sessions.update(UUID(mine), alice, update)

        await change(DURATION, -5, "min")
        assert integers(await made.session(alice, mine))["compute.cores"][1] == 3
        ((key, _),) = made.work.platforms.items()
        assert (await Desk(made.database, Calendars()).do(Soon(key)))[1] == 1
        await change("compute.cores", 1, "cores")
        with pytest.raises(Conflict):
            await change("compute.cores", 1, "cores")
        await change(DURATION, 60, "min")
        assert (await auditing.audit(made.database)).findings == ()


async def test_nobody_is_told_that_there_is_room_where_another_one_is_late(tmp_path: Path) -> None:
    platforms = {"here": {"plugin": "scripted", "cores": 3}}
    async with broker(tmp_path, negotiation=ONE, platforms=platforms) as made:
        alice = await made.caller("alice")
        late = await made.run(alice, request(cores=1, duration="PT10M"))
        mine = await made.run(alice, request(cores=2, duration="PT1H"))
        await made.later(minutes=15)
        async with broker(tmp_path, platforms=platforms) as other:
            other.shift(timedelta(minutes=15))
            for one in (made, other):
                assert integers(await one.session(alice, mine))["compute.cores"][1] == 2
            await made.database.write(partial(end, uuids=[UUID(late)]))
            for one in (made, other):
                assert integers(await one.session(alice, mine))["compute.cores"][1] == 3


async def test_who_wants_less_gets_it_where_too_much_is_booked(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        mine = await made.run(alice, request(cores=3, duration="PT1H"))
        await _has(made, cores=2)
        for update in (DeltaUpdate(DURATION, -30, "min"), IntegerUpdate("compute.cores", 2)):
            await made.services.sessions.update(UUID(mine), alice, update)
        booked = await made.rows(
            "SELECT amount FROM booking WHERE amount_name = 'cores' AND ended_at IS NULL"
        )
        assert booked == [(2,)]
        assert (await auditing.audit(made.database)).findings == ()


async def _has(made: Broker, cores: int) -> None:
    """The platform reports so many cores from now on."""
    ((key, platform),) = made.work.platforms.items()
    reported = await platform.report()
    cut = msgspec.structs.replace(reported, capacity={**reported.capacity, CORES: cores})

    await made.database.write(lambda connection: store_report(connection, key, cut))
