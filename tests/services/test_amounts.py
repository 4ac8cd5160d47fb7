"""What a platform counts beside cores, memory and storage: asked for, offered, priced and booked
as any amount, by the name that the operator gave it."""

from pathlib import Path
from typing import Any

import pytest

from execution_broker.domain.errors import Conflict
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.message import IntegerOption
from execution_broker.models.resources import Range
from execution_broker.models.update import IntegerUpdate
from execution_broker.storage import auditing
from tests.harness.asking import request, uuid_of
from tests.harness.broker import broker
from tests.services.test_changing import change, live

GPUS = "compute.amounts.gpus"
PLATFORMS = {
    "here": {
        "plugin": "scripted",
        "further": {"gpus": 4, "licences": 1},
        "changeable": ["gpus"],
        "prices": [{"type": "urn:example:monetary", "per_amount_hour": {"gpus": 2.0}}],
        "policy": {"amounts": {"gpus": {"most": 3}}},
    }
}
ONE = {"offers": 1}


def asking(**amounts: dict[str, int]) -> dict[str, Any]:
    body = request(start="2999-01-01T00:00:00Z/PT1S")
    del body["schedule"]["requested"]["start"]
    body["compute"]["amounts"] = amounts
    return body


def reasons(answer: OfferSetResponse) -> list[dict[str, str]]:
    assert answer.result == "NO"
    assert answer.meta is not None
    return [one.values for one in answer.meta.messages]


async def test_they_are_offered_priced_booked_and_held(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=PLATFORMS, negotiation=ONE) as made:
        alice = await made.caller("alice")
        (offer,) = (await made.ask(alice, asking(gpus={"min": 2}, licences={"min": 1}))).offers
        assert offer.compute is not None
        assert offer.compute.amounts == {
            "gpus": Range(min=2, max=2),
            "licences": Range(min=1, max=1),
        }
        assert [cost.max for cost in offer.costs] == [4.0]
        assert [cost.max for cost in offer.compute.costs] == [4.0]
        assert [amount for amount, _ in await live(made, "gpus")] == [2]
        await made.set_phase(alice, uuid_of(offer), "ACCEPTED")
        assert [amount for amount, _ in await live(made, "gpus")] == [2]
        stored = await made.session(alice, uuid_of(offer))
        assert stored.compute is not None
        assert stored.compute.amounts["gpus"] == Range(min=2, max=2)
        assert (await auditing.audit(made.database)).findings == ()


async def test_what_somebody_else_holds_is_not_offered(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=PLATFORMS, negotiation=ONE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        await made.run(alice, asking(gpus={"min": 3}))
        answer = await made.ask(bob, asking(gpus={"min": 1, "max": 3}))
        assert answer.offers[0].compute is not None
        assert answer.offers[0].compute.amounts == {"gpus": Range(min=1, max=1)}
        body = asking(gpus={"min": 2})
        body["schedule"]["requested"]["start"] = "/".join(
            text.isoformat() for text in await _soon(made)
        )
        assert reasons(await made.ask(bob, body))


async def _soon(made: Any) -> list[Any]:
    from datetime import timedelta

    now = await made.database.read(lambda connection: connection.clock())
    return [now, now + timedelta(minutes=10)]


async def test_a_no_names_what_there_is(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        (unknown,) = reasons(await made.ask(alice, asking(tpus={"min": 1})))
        assert unknown["known"] == "gpus, licences"
        assert (unknown["path"], unknown["op"]) == ("compute.amounts.tpus", "remove")
        (much,) = reasons(await made.ask(alice, asking(gpus={"min": 4})))
        assert (much["path"], much["from"], much["to"]) == (f"{GPUS}.min", "4", "3")
        (place,) = reasons(await made.ask(alice, asking(cores={"min": 4})))
        assert "compute.cores" in place["reason"]
        (name,) = reasons(await made.ask(alice, asking(**{"a b": {"min": 4}})))
        assert name["path"] == "compute.amounts"
        (least,) = reasons(await made.ask(alice, asking(gpus={"min": 0})))
        assert (least["path"], least["to"]) == (f"{GPUS}.min", "1")


@pytest.mark.parametrize("phase", ["OFFERED", "ACCEPTED"])
async def test_they_can_be_changed(tmp_path: Path, phase: str) -> None:
    async with broker(tmp_path, platforms=PLATFORMS, negotiation=ONE) as made:
        alice = await made.caller("alice")
        uuid = uuid_of((await made.ask(alice, asking(gpus={"min": 1}))).offers[0])
        if phase == "ACCEPTED":
            await made.set_phase(alice, uuid, phase)
        session = await made.session(alice, uuid)
        assert session.meta is not None
        found = [one for one in session.meta.options if isinstance(one, IntegerOption)]
        assert [(one.min, one.max) for one in found if one.path == GPUS] == [(1, 3)]
        larger = await change(made, alice, uuid, IntegerUpdate("/compute/amounts/gpus", 3))
        assert larger.compute is not None
        assert larger.compute.amounts == {"gpus": Range(min=3, max=3)}
        assert [cost.max for cost in larger.costs] == [6.0]
        assert [amount for amount, _ in await live(made, "gpus")] == [3]
        with pytest.raises(Conflict, match="cannot become 4 units"):
            await change(made, alice, uuid, IntegerUpdate(GPUS, 4))
        with pytest.raises(Conflict, match="licences"):
            await change(made, alice, uuid, IntegerUpdate("compute.amounts.licences", 1))


async def test_a_budget_may_bound_them(tmp_path: Path) -> None:
    held = {"offers": 1, "budget": {"gpus": 2}}
    async with broker(tmp_path, platforms=PLATFORMS, negotiation=held) as made:
        alice = await made.caller("alice")
        assert (await made.ask(alice, asking(gpus={"min": 2}))).offers
        (over,) = reasons(await made.ask(alice, asking(gpus={"min": 1})))
        assert over["resource"] == "gpus"
