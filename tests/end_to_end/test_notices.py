"""A notice that is on its way when everything is killed arrives all the same."""

import asyncio
import base64
import signal
from pathlib import Path
from typing import Any

import httpx

from tests.harness.asking import request
from tests.harness.broker import USED
from tests.harness.databases import on_database
from tests.harness.receiver import receiver
from tests.harness.secrecy import plant
from tests.harness.serving import first_server, set_phase, wait_for
from tests.harness.waiting import until

__all__ = ["on_database"]

SETTINGS = {
    "PLATFORMS__HERE__PLUGIN": "scripted",
    "NOTICES__PLAIN_HTTP": "true",
    "NOTICES__ALLOW": '["127.0.0.1"]',
    "WORKER__LEASE": "3",
    "WORKER__RENEWAL": "1",
    "LOG__LEVEL": "DEBUG",
}


async def test_a_notice_that_was_being_sent_is_sent_again(tmp_path: Path) -> None:
    key = base64.b64encode(b"planted in a subscription")
    secret = "whsec_" + plant(key.decode())
    path = plant("a-path-that-lets-somebody-in")
    settings = {**SETTINGS, "DATABASE__URL": USED.url}
    async with receiver() as hook:
        wanted = {"way": "webhook", "address": f"{hook.url}/{path}", "secret": secret}

        async def has_come() -> bool:
            return bool(hook.received)

        hook.holding = True
        with first_server(tmp_path, settings) as first, first.client() as client:
            await asyncio.to_thread(first.ready)
            added = client.post("/identity/subscriptions", json={**wanted, "about": ["ready"]})
            assert added.status_code == 201, added.text
            assert "secret" not in added.json()
            uuid = _accepted(client)
            await until(has_come)
            await asyncio.to_thread(wait_for, client, uuid, "COMPLETED")
            assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        hook.holding = False
        with first_server(tmp_path, settings) as second, second.client() as client:
            await asyncio.to_thread(second.ready)

            async def is_sent() -> bool:
                (one,) = client.get("/identity/subscriptions").json()["subscriptions"]
                return "sent" in one

            await until(is_sent)
            listed = client.get("/identity/subscriptions").text
        assert secret not in listed
        assert path in listed
        assert len(hook.received) >= 2
        assert {told.id for told in hook.received} == {hook.received[0].id}
        assert all(
            told.is_signed(secret) and told.data["session"] == uuid for told in hook.received
        )


def _accepted(client: httpx.Client) -> str:
    offers: list[dict[str, Any]] = client.post("/requests", json=request()).json()["offers"]
    uuid: str = offers[0]["meta"]["uuid"]
    set_phase(client, uuid, "ACCEPTED")
    return uuid
