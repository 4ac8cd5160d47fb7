"""Secrets of requests in the database: sealed, for the steps that need them, gone when they do not.

That none is anywhere else, tests/end_to_end/test_planted.py looks at.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker import factory
from execution_broker.domain.errors import CannotOpen, KeyReused
from execution_broker.domain.identity import Caller
from execution_broker.domain.once import Once
from execution_broker.domain.plan import StepKind
from execution_broker.formats import JSON
from execution_broker.models.execution import OfferSetResponse
from execution_broker.models.reading import read_request
from execution_broker.ports.platform import Order
from execution_broker.sealing import key_of, new_key
from execution_broker.services import Services
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, Replica, broker, replica, working
from tests.harness.keys import KEYS, ring
from tests.harness.waiting import until

PLACE = "http://ada:hush-hush@127.0.0.1:1/{}?token=hush-hush&part=2"
SHOWN = "http://127.0.0.1:1/{}?token=&part=2"
SEALING = {"keys": KEYS}


def secret_request(**more: Any) -> dict[str, Any]:
    body = request(**more)
    body["data"][0]["location"] = PLACE.format("series.dat")
    body["executable"]["location"] = PLACE.format("run.ipynb")
    body["executable"]["parameters"]["from"] = PLACE.format("table")
    return body


async def stored(made: Replica) -> dict[str, str]:
    return dict(await made.rows("SELECT component, value FROM secret"))


async def test_they_are_sealed_apart_and_answers_do_without(tmp_path: Path) -> None:
    async with broker(tmp_path, sealing=SEALING) as made:
        ada = await made.caller("ada")
        answer = await made.ask(ada, secret_request())
        for offer in answer.offers:
            assert offer.executable is not None
            assert JSON.write(offer).count(b"hush") == 0
            assert SHOWN.format("series.dat") in JSON.write(offer).decode()
        found = await stored(made)
        assert found.keys() == {"data/0", "executable"}
        assert {key_of(value) for value in found.values()} == {"of-tests"}
        await made.ask(ada, request())
        assert await stored(made) == found, "who has no secret costs no row"


class Recording:
    """A platform, and what each call was given."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform
        self.given: dict[str, Order] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._platform, name)

        def recorded(*arguments: Any) -> Any:
            if arguments and isinstance(arguments[0], Order):
                self.given[name] = arguments[0]
            return call(*arguments)

        return recorded


async def test_only_who_needs_one_is_given_it_and_then_it_is_gone(tmp_path: Path) -> None:
    async with broker(tmp_path, sealing=SEALING) as made:
        platforms = made.work.platforms
        assert isinstance(platforms, dict)
        ((key, platform),) = platforms.items()
        recording = platforms[key] = Recording(platform)
        ada = await made.caller("ada")
        async with working(made):
            uuid = await made.run(ada, secret_request())
            await made.ended(ada, uuid)
            await _sweep(made)
            await until(lambda: _is_empty(made))
    given: dict[str, Any] = {**recording.given}
    assert given.keys() >= {"prepare_storage", "prepare_data", "start", "watch", "release_data"}
    for call, order in given.items():
        data, executable = order.document.data[0], order.document.executable
        assert data.location == SHOWN.format("series.dat"), call
        knows = call in ("prepare_executable", "prepare_compute", "start")
        assert executable.location == (PLACE if knows else SHOWN).format("run.ipynb"), call
        assert executable.parameters["from"] == (PLACE if knows else SHOWN).format("table"), call
    assert given["prepare_data"].component.location == PLACE.format("series.dat")
    assert given["prepare_executable"].component.location == PLACE.format("run.ipynb")
    assert given["release_data"].component.location == SHOWN.format("series.dat")


async def test_those_of_offers_that_nobody_accepts_are_gone_with_them(tmp_path: Path) -> None:
    async with broker(tmp_path, sealing=SEALING) as made, working(made):
        ada = await made.caller("ada")
        refused = await made.ask(ada, secret_request())
        waiting = await made.ask(ada, secret_request())
        for offer in refused.offers:
            await made.set_phase(ada, uuid_of(offer), "REJECTED")
        await _sweep(made)

        async def is_one_left() -> bool:
            return len(await stored(made)) == 2

        await until(is_one_left)
        made.shift(timedelta(seconds=made.settings.negotiation.hold + 1))
        await _sweep(made)
        await until(lambda: _is_empty(made))
        assert waiting.result == "YES"


async def test_a_repetition_is_known_by_its_secrets_too_which_nobody_guesses_from_it(
    tmp_path: Path,
) -> None:
    body = secret_request()
    other = json.loads(json.dumps(body).replace("hush-hush", "hush-hush-hush"))
    newer = {"keys": f"{KEYS} {new_key('newer')}"}
    async with broker(tmp_path, sealing=SEALING) as made:
        ada = await made.caller("ada")
        first = await _asked(made.services, ada, body)
        assert _uuid(await _asked(made.services, ada, body)) == _uuid(first)
        with pytest.raises(KeyReused):
            await _asked(made.services, ada, other)
        ((digest,),) = await made.rows("SELECT digest FROM repetition")
        assert digest.startswith("of-tests.")
        assert Once("k", _digest(body)).digest not in digest
        async with replica(tmp_path, sealing=newer) as elsewhere:
            assert _uuid(await _asked(elsewhere.services, ada, body)) == _uuid(first)
            with pytest.raises(KeyReused):
                await _asked(elsewhere.services, ada, other)


async def test_connectors_are_sealed_and_shown_to_the_owner_alone(tmp_path: Path) -> None:
    body = request(script={"prepare_compute": "connect", "run": "forever"})
    async with broker(tmp_path, sealing=SEALING) as made, working(made):
        ada = await made.caller("ada")
        uuid = await made.run(ada, body)

        async def is_open() -> bool:
            return bool((await made.session(ada, uuid)).connectors)

        await until(is_open)
        ((text,),) = await made.rows("SELECT connectors FROM session WHERE uuid = ?", uuid)
        assert key_of(json.loads(text)) == "of-tests"
        assert "token" not in text
        assert (await made.session(None, uuid)).connectors == ()
        await _without_the_key(made, ada, uuid)
        await made.set_phase(ada, uuid, "CANCELLED")
        closed = (await made.ended(ada, uuid)).connectors
        assert [one.status for one in closed] == ["FINISHED"]


async def _without_the_key(made: Broker, owner: Caller, uuid: str) -> None:
    """A process that was forgotten when a key was added says so, and tells all others the rest."""
    instance = await factory.open_instance(made.database, made.settings)
    poor = dataclasses.replace(instance, ring=ring(new_key("another")))
    services = factory.make_services(made.database, made.settings, poor, "http://b.example")
    with pytest.raises(CannotOpen, match=r"key 'of-tests'.*sealing\.keys"):
        await services.sessions.show(UUID(uuid), owner, JSON)
    assert (await services.sessions.show(UUID(uuid), None, JSON)).body is not None


async def test_what_is_looked_up_is_sealed_until_it_was(tmp_path: Path) -> None:
    body = secret_request()
    del body["data"][0]["checks"]
    other = json.loads(json.dumps(body).replace("hush-hush", "hush-hush-hush"))
    settings: Mapping[str, Any] = {"negotiation": {"probe_wait": 0.05}, "sealing": SEALING}
    async with broker(tmp_path, **settings) as made:
        ada = await made.caller("ada")
        for asked in (body, body, other):
            await made.ask(ada, asked)
        probes = await made.rows("SELECT unique_key, payload FROM step WHERE kind LIKE '%:probe'")
        assert len(probes) == 2, "who has other secrets has another question"
        for key, payload in probes:
            assert key.startswith("probe:of-tests.")
            assert key_of(json.loads(payload)["sealed"]) == "of-tests"
        async with working(made):

            async def are_done() -> bool:
                rows = await made.rows("SELECT payload FROM step WHERE kind LIKE '%:probe'")
                return rows == [("{}",), ("{}",)]

            await until(are_done)
            refused = await made.ask(ada, body)
            assert refused.result == "NO"
            assert b"hush" not in JSON.write(refused)


async def _is_empty(made: Replica) -> bool:
    return not await stored(made)


async def _sweep(made: Broker) -> None:
    await made.rows_changed(
        "UPDATE step SET due_at = created_at, free_at = created_at WHERE kind = ?",
        StepKind.SWEEP.value,
    )


def _digest(body: object) -> str:
    from hashlib import sha256

    return sha256(json.dumps(body).encode()).hexdigest()


async def _asked(services: Services, caller: Caller, body: Any) -> OfferSetResponse:
    return await services.offers.request(caller, read_request(body), Once("k", _digest(body)))


def _uuid(answer: OfferSetResponse) -> str | None:
    return answer.meta.uuid if answer.meta else None
