"""Results: pending until the session has ended, then being collected, then all there are."""

from functools import partial
from pathlib import Path
from uuid import UUID

from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request, uuid_of
from tests.harness.broker import broker, working
from tests.harness.waiting import until


async def test_results_of_what_failed_are_collected_after_that(tmp_path: Path) -> None:
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        script = {"run": "fail", "start": "held", "collect": "held"}
        uuid = await made.run(alice, request(script=script))
        results = made.services.sessions.results

        async def is_held_at(call: str) -> bool:
            return made.is_marked(uuid, call)

        await until(partial(is_held_at, "start"))
        assert (await results(UUID(uuid), alice)).state == "PENDING"
        made.unmark(uuid, "start")

        await until(partial(is_held_at, "collect"))
        assert (await made.session(alice, uuid)).phase is SessionPhase.FAILED
        assert (await results(UUID(uuid), alice)).state == "COLLECTING"
        made.unmark(uuid, "collect")
        await made.ended(alice, uuid)
        listed = await results(UUID(uuid), alice)
        assert listed.state == "COLLECTED"
        assert listed.results != ()


async def test_of_an_offer_that_was_given_back_nothing_is_awaited(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        alice = await made.caller("alice")
        offer = (await made.ask(alice, request())).offers[0]
        await made.set_phase(alice, uuid_of(offer), "REJECTED")
        listed = await made.services.sessions.results(UUID(uuid_of(offer)), alice)
        assert (listed.state, listed.results) == ("COLLECTED", ())
