"""Subscriptions: whose they are, how many there may be, and what of them is shown."""

from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest

from execution_broker.domain.errors import Conflict, InvalidBody, NotFound
from execution_broker.models.extensions import SubscriptionRequest
from execution_broker.models.told import Told
from execution_broker.sealing import key_of
from execution_broker.storage import secrets
from tests.harness.broker import broker, replica

HOOK = "https://hooks.example.org/a-path-that-lets-in"
SECRET = "whsec_b25lIHRoYXQgaGFzIGJlZW4gZ2l2ZW4h"


def wanted(address: str = HOOK, secret: str | None = None, *about: Any) -> SubscriptionRequest:
    return SubscriptionRequest(way="webhook", address=address, secret=secret, about=about)


async def test_a_secret_is_told_once_if_it_was_made_here(tmp_path: Path) -> None:
    async with replica(tmp_path) as made:
        ada, service = await made.caller("ada"), made.services.subscriptions
        first = await service.add(ada, wanted())
        assert first.secret is not None
        assert first.secret.startswith("whsec_")
        assert (await service.add(ada, wanted(HOOK, None))).secret != first.secret
        given = await service.add(ada, wanted(HOOK, SECRET, Told.LATE))
        assert given.secret is None
        assert given.about == (Told.LATE,)
        listed = (await service.list(ada)).subscriptions
        assert [one.secret for one in listed] == [None] * 3
        assert [one.address for one in listed] == [HOOK] * 3
        rows = str(await made.rows("SELECT * FROM subscription"))
        assert "lets-in" not in rows
        assert SECRET not in rows


async def test_they_are_nobody_else_s(tmp_path: Path) -> None:
    async with replica(tmp_path) as made:
        ada, bob = await made.caller("ada"), await made.caller("bob")
        service = made.services.subscriptions
        added = UUID((await service.add(ada, wanted())).uuid)
        assert (await service.list(bob)).subscriptions == ()
        with pytest.raises(NotFound):
            await service.remove(bob, added)
        await service.remove(ada, added)
        with pytest.raises(NotFound):
            await service.remove(ada, added)


async def test_there_are_no_more_than_the_operator_wants(tmp_path: Path) -> None:
    async with replica(tmp_path, notices={"most": 2}) as made:
        ada, bob = await made.caller("ada"), await made.caller("bob")
        service = made.services.subscriptions
        for _ in range(2):
            await service.add(ada, wanted())
        with pytest.raises(Conflict, match="2 subscriptions"):
            await service.add(ada, wanted())
        await service.add(bob, wanted())


@pytest.mark.parametrize(
    ("way", "address", "secret", "place"),
    [
        ("webhook", "http://hooks.example.org", None, "$.address"),
        ("webhook", "https://10.0.0.1", None, "$.address"),
        ("webhook", HOOK, "guess-me", "$.secret"),
        ("email", "ada@example.org", None, "$.way"),
    ],
)
async def test_where_nobody_can_be_told_is_refused_at_once(
    tmp_path: Path, way: Literal["webhook", "email"], address: str, secret: str, place: str
) -> None:
    async with replica(tmp_path) as made:
        ada = await made.caller("ada")
        with pytest.raises(InvalidBody) as refused:
            await made.services.subscriptions.add(
                ada, SubscriptionRequest(way=way, address=address, secret=secret)
            )
        (fault,) = refused.value.faults
        assert fault.place == place
        assert "guess-me" not in fault.fault


async def test_what_is_sealed_with_a_lost_key_is_given_up(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        await made.services.subscriptions.add(ada, wanted())
        ((value,),) = await made.rows("SELECT value FROM subscription")
        name = key_of(value)
        assert await made.database.write(lambda c: secrets.forget_sealed(c, name)) == 1
        assert (await made.services.subscriptions.list(ada)).subscriptions == ()
