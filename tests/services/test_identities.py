"""Accounts: who somebody is, and what a password gives away."""

import asyncio
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import structlog

from execution_broker import factory
from execution_broker.domain.errors import (
    Conflict,
    Forbidden,
    InvalidBody,
    NotFound,
    TooMany,
    Unauthenticated,
)
from execution_broker.domain.identity import Role
from execution_broker.models.extensions import AccountRequest, IdentityChange
from execution_broker.services.accounts import RecentAccounts
from execution_broker.services.identities import AccountExists, IdentitiesService
from execution_broker.services.oidc import Bearers
from execution_broker.services.passwords import Passwords
from execution_broker.services.sign_ins import Allowances, SignIns
from tests.harness.broker import broker

HERE = "192.0.2.1"
THERE = "198.51.100.7"


async def test_an_administrator_makes_accounts_that_can_sign_in(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        file = await factory.make_administrator(made.services, made.settings)
        assert file.stat().st_mode & 0o777 == 0o600
        identities = made.services.identities
        admin = await identities.authenticate("admin", file.read_text().strip(), HERE)
        assert admin.is_administrator
        account = await identities.create(
            admin, AccountRequest(username="alice", password="pässword ☃")
        )
        alice = await identities.authenticate("alice", "pässword ☃", HERE)
        assert str(alice.uuid) == account.uuid
        assert alice.role is Role.USER
        with pytest.raises(AccountExists) as exists:
            await identities.create(admin, AccountRequest(username="alice", password="other"))
        assert exists.value.account == account
        with pytest.raises(Forbidden):
            await identities.create(alice, AccountRequest(username="bob", password="x"))


async def test_a_second_start_keeps_the_administrator(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        first = (await factory.make_administrator(made.services, made.settings)).read_text()
    async with broker(tmp_path) as again:
        file = await factory.make_administrator(again.services, again.settings)
        assert file.read_text() == first
        await again.services.identities.authenticate("admin", first.strip(), HERE)


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", "right"), ("", "")])
async def test_wrong_credentials_are_refused_alike(
    tmp_path: Path, name: str, password: str
) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        await identities.add("alice", "right", Role.USER)
        await identities.authenticate("alice", "right", HERE)
        with pytest.raises(Unauthenticated, match="user name or the password"):
            await identities.authenticate(name, password, HERE)


async def test_an_account_without_a_password_cannot_sign_in(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        await made.caller("alice")
        with pytest.raises(Unauthenticated):
            await made.services.identities.authenticate("alice", "!", HERE)


@pytest.mark.parametrize("name", ["", "a:b", "x" * 256, "line\nbreak"])
async def test_a_name_that_cannot_be_sent_is_refused(tmp_path: Path, name: str) -> None:
    async with broker(tmp_path) as made:
        admin = await made.caller("root", Role.ADMINISTRATOR)
        with pytest.raises(InvalidBody) as refused:
            await made.services.identities.create(
                admin, AccountRequest(username=name, password="x")
            )
        assert refused.value.faults[0].place == "$.username"


async def test_a_changed_password_holds_at_once_and_the_old_one_no_more(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        await identities.add("alice", "old", Role.USER)
        alice = await identities.authenticate("alice", "old", HERE)
        shown = await identities.change_password(alice, "new")
        assert (shown.uuid, shown.username, shown.role) == (str(alice.uuid), "alice", "user")
        with pytest.raises(Unauthenticated):
            await identities.authenticate("alice", "old", HERE)
        assert await identities.authenticate("alice", "new", HERE) == alice
        with pytest.raises(InvalidBody) as refused:
            await identities.change_password(alice, "")
        assert refused.value.faults[0].place == "$.password"


async def test_who_is_disabled_is_out_at_once_until_enabled_again(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        admin = await made.caller("root", Role.ADMINISTRATOR)
        await identities.add("alice", "right", Role.USER)
        alice = await identities.authenticate("alice", "right", HERE)
        shown = await identities.change(admin, alice.uuid, IdentityChange(disabled=True))
        assert shown.disabled is not None
        again = await identities.change(admin, alice.uuid, IdentityChange(disabled=True))
        assert again.disabled == shown.disabled
        with pytest.raises(Unauthenticated):
            await identities.authenticate("alice", "right", HERE)
        await identities.change(admin, alice.uuid, IdentityChange(disabled=False))
        assert await identities.authenticate("alice", "right", HERE) == alice


async def test_another_process_knows_of_a_change_within_two_seconds(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        now = [1000.0]
        here = made.services.identities
        there = IdentitiesService(
            made.database,
            Passwords(lambda: now[0], b"secret"),
            RecentAccounts(lambda: now[0]),
            SignIns(made.database, b"secret"),
            Bearers([], time.time, time.monotonic, structlog.get_logger()),
            uuid4,
        )
        admin = await made.caller("root", Role.ADMINISTRATOR)
        await here.add("alice", "right", Role.USER)
        alice = await there.authenticate("alice", "right", HERE)
        await here.change(admin, alice.uuid, IdentityChange(password="new"))
        assert await there.authenticate("alice", "new", HERE) == alice
        await here.change(admin, alice.uuid, IdentityChange(disabled=True))
        now[0] += 2.1
        with pytest.raises(Unauthenticated):
            await there.authenticate("alice", "new", HERE)
        await here.change(admin, alice.uuid, IdentityChange(disabled=False))
        assert await there.authenticate("alice", "new", HERE) == alice


async def test_only_an_administrator_manages_others(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        alice, bob = await made.caller("alice"), await made.caller("bob")
        for attempt in (
            identities.change(alice, bob.uuid, IdentityChange(disabled=True)),
            identities.list(alice),
        ):
            with pytest.raises(Forbidden):
                await attempt
        admin = await made.caller("root", Role.ADMINISTRATOR)
        with pytest.raises(NotFound):
            await identities.change(admin, UUID(int=1), IdentityChange(disabled=True))


async def test_an_administrator_always_stays(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        one = await made.caller("one", Role.ADMINISTRATOR)
        two = await made.caller("two")
        for change in (IdentityChange(disabled=True), IdentityChange(role="user")):
            with pytest.raises(Conflict, match="last administrator"):
                await identities.change(one, one.uuid, change)
        await identities.change(one, two.uuid, IdentityChange(role="administrator"))
        both = await asyncio.gather(
            identities.change(one, one.uuid, IdentityChange(disabled=True)),
            identities.change(one, two.uuid, IdentityChange(disabled=True)),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in both) == ["Conflict", "Identity"]


async def test_identities_are_listed_in_pages(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        admin = await made.caller("root", Role.ADMINISTRATOR)
        for number in range(205):
            await made.caller(f"user-{number}")
        first = await identities.list(admin)
        assert first.next is not None
        rest = await identities.list(admin, int(first.next))
        assert rest.next is None
        names = [one.username for one in (*first.identities, *rest.identities)]
        assert names == ["root", *(f"user-{number}" for number in range(205))]
        assert await identities.read_own(admin) == first.identities[0]


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(tmp_path: Path) -> None:
    """The least processor time of several: what others do on the machine adds little to it."""
    async with broker(tmp_path) as made:
        identities = made.services.identities
        await identities.add("alice", "right", Role.USER)
        await identities.add("gone", "right", Role.USER)
        admin = await made.caller("root", Role.ADMINISTRATOR)
        gone = await identities.authenticate("gone", "right", HERE)
        await identities.change(admin, gone.uuid, IdentityChange(disabled=True))
        took: dict[str, list[float]] = {"alice": [], "gone": [], "nobody": []}
        for _ in range(5):
            for name, times in took.items():
                begun = time.process_time()
                with pytest.raises(Unauthenticated):
                    await identities.authenticate(name, "wrong", HERE)
                times.append(time.process_time() - begun)
        least = [min(times) for times in took.values()]
        assert max(least) < 2 * min(least)


async def _guess_until_stopped(identities: IdentitiesService, name: str, address: str) -> int:
    """How many wrong passwords were borne. (Time gives some back while hashes are made.)"""
    for number in range(1000):
        try:
            await identities.authenticate(name, f"wrong {number}", address)
        except Unauthenticated:
            continue
        except TooMany:
            return number
    raise AssertionError("nobody stopped it")


async def test_guessing_is_stopped_and_the_owner_goes_on(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        await identities.add("alice", "right", Role.USER)
        await identities.authenticate("alice", "right", HERE)
        tried = await _guess_until_stopped(identities, "alice", THERE)
        assert tried >= Allowances().address.most
        with pytest.raises(TooMany):
            await identities.authenticate("alice", "not remembered", THERE)
        assert (await identities.authenticate("alice", "right", HERE)).username == "alice"
