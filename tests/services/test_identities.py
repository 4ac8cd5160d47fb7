"""Accounts: who somebody is, and what a password gives away."""

from pathlib import Path

import pytest

from execution_broker import factory
from execution_broker.domain.errors import Forbidden, InvalidBody, Unauthenticated
from execution_broker.domain.identity import Role
from execution_broker.models.extensions import AccountRequest
from execution_broker.services.identities import AccountExists
from tests.harness.broker import broker


async def test_an_administrator_makes_accounts_that_can_sign_in(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        file = await factory.make_administrator(made.services, made.settings)
        assert file.stat().st_mode & 0o777 == 0o600
        identities = made.services.identities
        admin = await identities.authenticate("admin", file.read_text().strip())
        assert admin.is_administrator
        account = await identities.create(
            admin, AccountRequest(username="alice", password="pässword ☃")
        )
        alice = await identities.authenticate("alice", "pässword ☃")
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
        await again.services.identities.authenticate("admin", first.strip())


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", "right"), ("", "")])
async def test_wrong_credentials_are_refused_alike(
    tmp_path: Path, name: str, password: str
) -> None:
    async with broker(tmp_path) as made:
        identities = made.services.identities
        await identities.add("alice", "right", Role.USER)
        await identities.authenticate("alice", "right")
        with pytest.raises(Unauthenticated, match="user name or the password"):
            await identities.authenticate(name, password)


async def test_an_account_without_a_password_cannot_sign_in(tmp_path: Path) -> None:
    async with broker(tmp_path) as made:
        await made.caller("alice")
        with pytest.raises(Unauthenticated):
            await made.services.identities.authenticate("alice", "!")


@pytest.mark.parametrize("name", ["", "a:b", "x" * 256, "line\nbreak"])
async def test_a_name_that_cannot_be_sent_is_refused(tmp_path: Path, name: str) -> None:
    async with broker(tmp_path) as made:
        admin = await made.caller("root", Role.ADMINISTRATOR)
        with pytest.raises(InvalidBody) as refused:
            await made.services.identities.create(
                admin, AccountRequest(username=name, password="x")
            )
        assert refused.value.faults[0].place == "$.username"
