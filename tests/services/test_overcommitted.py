"""When more is booked than there is, everything that tells of a platform tells it alike."""

from datetime import timedelta
from pathlib import Path

import msgspec

from execution_broker.cli.doctor.capacity import capacity
from execution_broker.domain.amounts import CORES, Stretch
from execution_broker.domain.iso8601 import to_epoch
from execution_broker.metering import PrometheusMeter
from execution_broker.services.metrics import MetricsService
from execution_broker.steps.upkeep import store_report
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.services.test_changing import ONE


async def test_a_cut_is_told_of_for_as_long_as_too_much_is_booked(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        for start in (0, 2, 4):
            await made.run(alice, request(cores=3, duration="PT1H", start=await _in(made, start)))
        assert await _overcommitted(made) == []
        assert await _doctor(made) == ["no more is booked than there is, and nobody is late to go"]
        await _has(made, 2)
        found = await _overcommitted(made)
        assert [(one.name, one.amount) for one in found] == [(CORES, 1)] * 3
        assert all(3600 <= one.end - one.start < 3900 for one in found)
        (*_, last) = await _doctor(made)
        assert last.startswith("here: 1 cores more than there are are booked between ")
        assert await _is_ready(made)
        await _has(made, 3)
        assert await _overcommitted(made) == []


async def test_who_is_late_is_told_of_until_that_is_released(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        late = await made.run(alice, request(cores=3, duration="PT10M"))
        due = request(cores=2, start=await _in(made, 1), script={"run": "forever"})
        await made.run(alice, due)
        await made.later(minutes=1)
        assert await _measured(made) == (3, 0)
        await made.later(minutes=60)
        assert await _measured(made) == (5, 3)
        (over,) = await _overcommitted(made)
        assert (over.name, over.amount) == (CORES, 1)
        assert over.end <= to_epoch(await made.now()) + 3600
        assert await _is_ready(made)
        await made.set_phase(alice, late, "CANCELLED")
        async with working(made):
            await made.ended(alice, late)
        assert await _measured(made) == (2, 0)
        assert await _overcommitted(made) == []


async def test_the_doctor_sees_who_is_late(tmp_path: Path) -> None:
    """It goes by the database's own clock: so what is booked is moved, and not the time."""
    async with broker(tmp_path, negotiation=ONE) as made:
        alice = await made.caller("alice")
        await made.run(alice, request(cores=3, duration="PT10M"))
        await made.rows_changed(
            "UPDATE booking SET start_second = start_second - 3600, end_second = end_second - 3600"
        )
        (late,) = await _doctor(made)
        assert late.startswith("here: of 1 sessions what they had is not released yet, the first")


async def _in(made: Broker, hours: int) -> str:
    """A window of five minutes that begins then."""
    start = (await made.now() + timedelta(hours=hours)).replace(microsecond=0)
    return f"{start.isoformat()}/PT5M"


async def _overcommitted(made: Broker) -> list[Stretch]:
    (platform,) = await made.services.status.platforms()
    return list(platform.overcommitted)


async def _doctor(made: Broker) -> list[str]:
    return [one.what for one in await capacity(made.settings)]


async def _is_ready(made: Broker) -> bool:
    return all(check.fault is None for check in await made.services.status.ready())


async def _measured(made: Broker) -> tuple[int, int]:
    """Confirmed cores, and those of them that are late."""
    meter = made.database.meter
    assert isinstance(meter, PrometheusMeter)
    text = (await MetricsService(made.database, meter).text()).decode()
    confirmed, late = (
        float(line.rpartition(" ")[2])
        for kind in ("confirmed", "late")
        for line in text.splitlines()
        if line.startswith(f"broker_capacity_{kind}{{") and 'amount="cores"' in line
    )
    return int(confirmed), int(late)


async def _has(made: Broker, cores: int) -> None:
    ((key, platform),) = made.work.platforms.items()
    reported = await platform.report()
    cut = msgspec.structs.replace(reported, capacity={**reported.capacity, CORES: cores})
    await made.database.write(lambda connection: store_report(connection, key, cut))
