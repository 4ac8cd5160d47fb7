"""Owners are told of their sessions, where they want to be."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from execution_broker.domain.identity import Caller
from execution_broker.models.extensions import IdentityChange, Subscription, SubscriptionRequest
from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.mailbox import PASSWORD, USER, mail_server
from tests.harness.receiver import Receiver, receiver
from tests.harness.secrecy import leaked
from tests.harness.waiting import until

HERE: dict[str, Any] = {"plain_http": True, "allow": ["127.0.0.1"]}


async def subscribed(made: Broker, caller: Caller, where: str, *about: Any) -> Subscription:
    wanted = SubscriptionRequest(way="webhook", address=where, about=about)
    return await made.services.subscriptions.add(caller, wanted)


def has(hook: Receiver, type_: str, number: int = 1) -> Callable[[], Awaitable[bool]]:
    async def has_come() -> bool:
        return len(hook.of_type(type_)) >= number

    return has_come


async def the_one(made: Broker, caller: Caller) -> Subscription:
    (one,) = (await made.services.subscriptions.list(caller)).subscriptions
    return one


async def test_an_owner_is_told_that_a_session_is_ready(tmp_path: Path) -> None:
    async with receiver() as hook, broker(tmp_path, notices=HERE) as made, working(made):
        alice, bob = await made.caller("alice"), await made.caller("bob")
        added = await subscribed(made, alice, f"{hook.url}/hook")
        theirs = await made.run(bob, request())
        uuid = await made.run(alice, request())
        await until(has(hook, "session.ready"))
        await made.ended(alice, uuid)
        await made.ended(bob, theirs)
        (told,) = hook.received
        assert told.path == "/hook"
        assert added.secret is not None
        assert told.is_signed(added.secret)
        assert not told._replace(body=told.body + b" ").is_signed(added.secret)
        assert told.data["session"] == uuid
        assert told.data["text"].startswith("The session has started")

        async def is_written_down() -> bool:
            return (await the_one(made, alice)).sent is not None

        await until(is_written_down)


async def test_an_owner_is_told_why_a_session_has_failed(tmp_path: Path) -> None:
    async with receiver() as hook, broker(tmp_path, notices=HERE) as made, working(made):
        alice = await made.caller("alice")
        await subscribed(made, alice, hook.url, "failed")
        uuid = await made.run(alice, request(script={"run": "fail"}))
        await until(has(hook, "session.failed"))
        await made.ended(alice, uuid)
        (told,) = hook.received
        assert told.data["phase"] == "FAILED"
        assert "See its output" in told.data["text"]


async def test_an_owner_is_told_that_a_session_is_late(tmp_path: Path) -> None:
    async with receiver() as hook, broker(tmp_path, notices=HERE) as made:
        alice = await made.caller("alice")
        await subscribed(made, alice, hook.url, "late")
        uuid = await made.run(alice, request(script={"run": "forever"}, duration="PT1H"))
        made.shift(timedelta(minutes=30))
        async with working(made):
            await until(has(hook, "session.late"))
        assert [told.data["session"] for told in hook.received] == [uuid]


async def test_an_owner_is_told_once_that_a_session_ends_soon(tmp_path: Path) -> None:
    async with receiver() as hook, broker(tmp_path, notices=HERE) as made, working(made):
        alice = await made.caller("alice")
        await subscribed(made, alice, hook.url)
        uuid = await made.run(alice, request(script={"run": "forever"}, duration="PT1H"))

        async def is_sent() -> bool:
            return (await the_one(made, alice)).sent is not None

        await until(is_sent)
        assert not hook.of_type("session.ends-soon")
        made.shift(timedelta(minutes=51))
        await until(has(hook, "session.ends-soon"))
        await made.set_phase(alice, uuid, "CANCELLED")
        assert (await made.ended(alice, uuid)).phase is SessionPhase.CANCELLED
        assert [told.type for told in hook.received] == ["session.ready", "session.ends-soon"]


async def test_an_owner_is_told_by_mail(tmp_path: Path) -> None:
    async with mail_server() as mailbox:
        smtp = {
            "host": "127.0.0.1",
            "port": mailbox.port,
            "security": "none",
            "username": USER,
            "password": PASSWORD,
            "recipients": ["*@example.org"],
        }
        async with broker(tmp_path, smtp=smtp) as made, working(made):
            alice = await made.caller("alice")
            wanted = SubscriptionRequest(way="email", address="alice@example.org")
            added = await made.services.subscriptions.add(alice, wanted)
            assert added.secret is None
            uuid = await made.run(alice, request(script={"run": "fail"}))

            async def has_failed() -> bool:
                return any("has failed" in str(one) for one in mailbox.messages)

            await until(has_failed)
            await made.ended(alice, uuid)
            assert {str(one["To"]) for one in mailbox.messages} == {"alice@example.org"}
            assert all(f"/sessions/{uuid}" in str(one) for one in mailbox.messages)


async def test_what_does_not_arrive_is_sent_again_with_the_same_id(tmp_path: Path) -> None:
    async with receiver(500, 302) as hook, broker(tmp_path, notices=HERE) as made, working(made):
        alice = await made.caller("alice")
        added = await subscribed(made, alice, hook.url, "ready")
        await made.ended(alice, await made.run(alice, request()))
        for number in (1, 2):
            await until(has(hook, "session.ready", number))

            async def is_put_back(tries: int = number) -> bool:
                rows = await made.rows(
                    "SELECT payload FROM step WHERE kind LIKE '%notify' AND phase = 'READY'"
                )
                return bool(rows) and f'"number":{tries}' in str(rows[0][0])

            await until(is_put_back)
            fault = (await the_one(made, alice)).fault
            assert fault == ("it answered 500", "it answered 302")[number - 1]
            made.shift(timedelta(seconds=11))
        await until(has(hook, "session.ready", 3))
        assert len({told.id for told in hook.received}) == 1
        assert {told.path for told in hook.received} == {"/"}
        assert len({told.headers["webhook-timestamp"] for told in hook.received}) == 3
        assert added.secret is not None
        assert all(told.is_signed(added.secret) for told in hook.received)


@pytest.mark.parametrize(("status", "keep_trying"), [(410, 3600), (500, 0)])
async def test_it_is_given_up_at_last(tmp_path: Path, status: int, keep_trying: int) -> None:
    notices = {**HERE, "keep_trying": keep_trying}
    async with receiver(status) as hook, broker(tmp_path, notices=notices) as made, working(made):
        alice = await made.caller("alice")
        await subscribed(made, alice, hook.url, "ready")
        await made.ended(alice, await made.run(alice, request()))

        async def is_given_up() -> bool:
            rows = await made.rows("SELECT phase FROM step WHERE kind LIKE '%notify'")
            return rows == [("FAILED",)]

        await until(is_given_up)
        assert (await the_one(made, alice)).fault == f"it answered {status}"
        assert len(hook.received) == 1


async def test_nothing_is_sent_to_an_address_of_the_site(tmp_path: Path) -> None:
    """Whatever its name stands for when it is connected to."""
    async with receiver() as hook, broker(tmp_path, notices={"plain_http": True}) as made:
        alice = await made.caller("alice")
        await subscribed(made, alice, hook.url.replace("127.0.0.1", "localhost"), "ready")
        async with working(made):
            await made.ended(alice, await made.run(alice, request()))

            async def is_refused() -> bool:
                return "is not public" in ((await the_one(made, alice)).fault or "")

            await until(is_refused)
        assert hook.received == []


async def test_who_is_disabled_or_does_not_want_it_any_more_is_not_told(tmp_path: Path) -> None:
    async with receiver() as hook, broker(tmp_path, notices=HERE) as made:
        alice, bob = await made.caller("alice"), await made.caller("bob")
        root = await made.caller("root")
        await subscribed(made, alice, hook.url)
        theirs = await subscribed(made, bob, hook.url)
        uuids = [await made.run(caller, request()) for caller in (alice, bob)]
        await made.services.subscriptions.remove(bob, UUID(theirs.uuid))
        administrator = type(root)(root.key, root.uuid, root.username, root.role.ADMINISTRATOR)
        change = IdentityChange(disabled=True)
        await made.services.identities.change(administrator, alice.uuid, change)
        async with working(made):
            for caller, uuid in zip((alice, bob), uuids, strict=True):
                await made.ended(caller, uuid)

            async def is_over() -> bool:
                rows = await made.rows(
                    "SELECT count(*) FROM step WHERE kind LIKE '%notify' AND ended_at IS NULL"
                )
                return rows == [(0,)]

            await until(is_over)
        assert hook.received == []
        assert leaked(str(await made.rows("SELECT * FROM subscription"))) == []
        assert hook.url not in str(await made.rows("SELECT * FROM subscription"))
