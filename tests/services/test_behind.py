"""Offers start later where workers are behind with what is due."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from execution_broker.models.phases import SessionPhase
from tests.harness.asking import first_start, request
from tests.harness.broker import broker, working
from tests.harness.waiting import until


async def test_offers_start_later_by_what_workers_are_behind_until_they_have_caught_up(
    tmp_path: Path,
) -> None:
    plenty = {"here": {"plugin": "scripted", "cores": 100}}
    behind = timedelta(minutes=2)
    async with broker(tmp_path, platforms=plenty, negotiation={"offers": 1}) as made:
        alice = await made.caller("alice")
        await made.run(alice, request())
        at_once = first_start(await made.ask(alice, request()))
        await made.later(minutes=2)
        assert first_start(await made.ask(alice, request())) >= at_once + 2 * behind

        async def is_caught_up() -> bool:
            return first_start(await made.ask(alice, request())) < at_once + 2 * behind

        async with working(made):
            await until(is_caught_up)


async def test_offers_start_later_by_what_those_who_prepare_are_behind(tmp_path: Path) -> None:
    plenty = {"here": {"plugin": "scripted", "cores": 100}}
    behind = timedelta(minutes=2)
    one: dict[str, Any] = {"platforms": plenty, "negotiation": {"offers": 1}}
    async with broker(tmp_path, worker={"kinds": ["begin"]}, **one) as made:
        alice = await made.caller("alice")
        begun = await made.run(alice, request())
        at_once = first_start(await made.ask(alice, request()))

        async def is_begun() -> bool:
            return (await made.session(alice, begun)).phase is SessionPhase.PREPARING

        async with working(made):
            await until(is_begun)
        await made.later(minutes=2)
        assert first_start(await made.ask(alice, request())) >= at_once + 2 * behind

        async def is_caught_up() -> bool:
            return first_start(await made.ask(alice, request())) < at_once + 2 * behind

        async with broker(tmp_path, **one) as whole:
            whole.shift(timedelta(minutes=2))
            async with working(whole):
                await until(is_caught_up)
