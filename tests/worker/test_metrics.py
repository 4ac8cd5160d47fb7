"""What a broker counts while it works, as Prometheus reads it."""

from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from execution_broker.domain.plan import StepKind
from execution_broker.metering import PrometheusMeter
from execution_broker.models.phases import SessionPhase
from execution_broker.services.metrics import MetricsService
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker, working
from tests.harness.waiting import until


async def read(made: Broker) -> dict[tuple[str, ...], float]:
    meter = made.database.meter
    assert isinstance(meter, PrometheusMeter)
    text = (await MetricsService(made.database, meter).text()).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_session_is_counted_from_its_offer_to_its_end(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offers = (await made.ask(alice, request(cores=1))).offers
        held = await read(made)
        assert held["broker_offers_total", "made"] == len(offers)
        assert held["broker_capacity", "cores", "here"] == 4
        assert (await made.ask(alice, request(cores=64))).result == "NO"
        await made.set_phase(alice, uuid_of(offers[0]), "ACCEPTED")
        async with working(made):
            await made.ended(alice, uuid_of(offers[0]))
        found = await read(made)
        assert found["broker_offers_total", "accepted"] == 1
        assert found["broker_steps_ended_total", "start", "COMPLETED"] == 1
        assert found["broker_claim_latency_seconds_count", "start"] >= 1
        assert sum(value for (name, *_), value in found.items() if "refusals_total" in name) >= 1
        assert found["broker_database_up",] == 1
        assert found["broker_sessions", "OFFERED"] == 0
        assert found["broker_queue_age_seconds",] < 60


async def test_what_is_held_expires_and_is_late_is_counted(tmp_path: Path) -> None:
    async with broker(tmp_path, upkeep={"sweep": 1}) as made:
        alice = await made.caller("alice")
        await made.ask(alice, request(cores=1))
        uuid = await made.run(alice, request(script={"run": "forever"}, duration="PT1H"))
        made.shift(timedelta(minutes=30))
        async with working(made):

            async def runs() -> bool:
                return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

            async def swept() -> bool:
                return (await read(made)).get(("broker_offers_total", "expired"), 0) >= 1

            await until(runs)
            await until(swept)
            found = await read(made)
        assert found["broker_promises_broken_total",] == 1
        assert found["broker_capacity_confirmed", "cores", "here"] == 1
        assert found["broker_sessions", "RUNNING"] == 1


async def test_upkeep_exists_once_however_many_workers_begin(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, broker(tmp_path) as other, broker(tmp_path) as third:
        async with working(made), working(other), working(third):
            alice = await made.caller("alice")
            await made.ended(alice, await made.run(alice, request()))
        rows = await made.rows(
            "SELECT unique_key, count(*) FROM step WHERE unique_key IS NOT NULL "
            "GROUP BY unique_key ORDER BY unique_key"
        )
        assert rows == [
            ("purge", 1),
            ("reconcile:here", 1),
            ("report:here", 1),
            ("sweep", 1),
        ]
        assert StepKind.SWEEP in made.work.handlers
