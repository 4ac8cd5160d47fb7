"""What was offered is read as it was answered, in however many parts it is stored."""

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from execution_broker.domain.identity import Caller
from execution_broker.models.component import Component
from execution_broker.models.execution import ExecutionSession
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker

_STORED = (
    "SELECT CAST(s.document AS TEXT), CAST(o.asked AS TEXT)"
    " FROM session AS s JOIN offerset AS o ON o.id = s.offerset_id WHERE s.uuid = ?"
)


async def test_what_was_asked_for_is_stored_once(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        answer = await made.ask(ada, request(storage=2))
        assert len(answer.offers) > 1
        stored = [await _stored(made, offer) for offer in answer.offers]
        (asked,) = {asked for _, asked in stored}
        location = getattr(answer.offers[0].executable, "location", None)
        assert location
        assert location in asked
        assert all(location not in own for own, _ in stored)
        assert [await _read(made, ada, one) for one in answer.offers] == _kept(answer.offers)
        assert answer.meta is not None
        assert answer.meta.uuid is not None
        again = await made.services.offers.read(UUID(answer.meta.uuid), ada)
        assert _kept(again.offers) == _kept(answer.offers)


async def test_what_an_older_version_has_stored_as_a_whole_is_read_the_same(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        ada = await made.caller("ada")
        offers = (await made.ask(ada, request(storage=2))).offers
        for offer in offers:
            await _store_whole(made, offer)
        assert [await _read(made, ada, one) for one in offers] == _kept(offers)
        accepted = await made.set_phase(ada, uuid_of(offers[0]), "ACCEPTED")
        for part in ("executable", "compute"):
            assert _part(accepted, part) == _part(offers[0], part)


async def _stored(made: Broker, offer: ExecutionSession) -> tuple[str, str]:
    ((own, asked),) = await made.rows(_STORED, uuid_of(offer))
    return own, asked


async def _store_whole(made: Broker, offer: ExecutionSession) -> None:
    """As before there were parts."""
    whole = msgspec.json.encode(offer).decode()
    await made.rows_changed(
        "UPDATE session SET document = ?, format = 1 WHERE uuid = ?", whole, uuid_of(offer)
    )
    await made.rows_changed(
        "UPDATE offerset SET asked = NULL, format = 1"
        " WHERE id = (SELECT offerset_id FROM session WHERE uuid = ?)",
        uuid_of(offer),
    )


async def _read(made: Broker, caller: Caller, offer: ExecutionSession) -> Any:
    return _kept([await made.session(caller, uuid_of(offer))])[0]


def _kept(offers: Any) -> list[Any]:
    """What time does not change: all but when there is room for how much."""
    return [msgspec.structs.replace(one, meta=None) for one in offers]


def _part(session: ExecutionSession, name: str) -> Any:
    """A component, but for the schedule, which accepting it fixes."""
    part: Any = getattr(session, name)
    assert isinstance(part, Component)
    return msgspec.structs.replace(part, schedule=None)
