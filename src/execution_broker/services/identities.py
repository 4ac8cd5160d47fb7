"""Identities: who somebody is, by name and password or by a token, and the accounts there are."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from execution_broker.domain.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidBody,
    NotFound,
    Unauthenticated,
)
from execution_broker.domain.identity import Caller, Role
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Fault,
    Identity,
    IdentityChange,
    IdentityList,
)
from execution_broker.services.accounts import RecentAccounts
from execution_broker.services.oidc import Bearers, Claimed
from execution_broker.services.passwords import Passwords
from execution_broker.services.sign_ins import SignIns
from execution_broker.storage import identities
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.identities import StoredAccount

_LONGEST: Final = 255
_PAGE: Final = 200


class AccountExists(AlreadyExists):
    """The name is taken. `account` is the one that has it."""

    def __init__(self, account: Account) -> None:
        super().__init__(f"There is an account {account.username} already.", "Choose another name.")
        self.account = account


class IdentitiesService:
    """Checks credentials, makes and changes accounts. `new_uuid` makes random UUIDs.

    What is outside (an issuer) is asked before a transaction begins, never in one.
    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        recent: RecentAccounts,
        sign_ins: SignIns,
        bearers: Bearers,
        new_uuid: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._recent = recent
        self._sign_ins = sign_ins
        self._bearers = bearers
        self._new_uuid = new_uuid

    @property
    def discovery_urls(self) -> tuple[str, ...]:
        """Where clients learn how to get a token, one for each issuer that is trusted."""
        return tuple(issuer.discovery_url for issuer in self._bearers.issuers)

    async def close(self) -> None:
        """Give back the connections to issuers."""
        await self._bearers.close()

    async def authenticate(self, username: str, password: str, address: str) -> Caller:
        """Who this is. An unknown name takes as long to refuse as a wrong password.

        Unauthenticated if the two do not hold; TooMany after too many that did not.
        """
        recent = self._recent.get(username)
        if recent is not None and self._passwords.knows(username, recent.version, password):
            return recent.caller
        asked_at = self._recent.clock()
        account = await self._database.look(lambda glance: identities.by_name(glance, username))
        self._recent.keep(username, account, asked_at)
        usable = account if account is not None and not account.is_disabled else None
        if usable is not None and self._passwords.knows(username, usable.version, password):
            return usable.caller
        version = usable.version if usable is not None else 0
        async with self._passwords.alone(username, version, password):
            if usable is None or not self._passwords.knows(username, version, password):
                await self._prove(username, usable, password, address)
        assert usable is not None, "what is proved has an account"
        return usable.caller

    async def _prove(
        self, username: str, account: StoredAccount | None, password: str, address: str
    ) -> None:
        """Unauthenticated, unless the account is there and the password is its own."""
        async with self._sign_ins.attempt(username, address) as attempt:
            stored = account.password_hash if account is not None else None
            if not await self._passwords.matches(stored, password) or account is None:
                await attempt.wrong()
                raise Unauthenticated(
                    "The user name or the password is wrong.", "Check both and sign in again."
                )
            await attempt.right()
        self._passwords.remember(username, account.version, password)

    async def authenticate_bearer(self, token: str) -> Caller:
        """Who a token is of; at its first use somebody gets an identity that stays the same.

        What the groups say now is the role. InvalidToken, Forbidden, Unavailable: see Bearers.
        """
        claimed = await self._bearers.whose(token)
        url, subject = claimed.issuer.url, claimed.subject
        stored = self._recent.get((url, subject))
        if stored is None:
            asked_at = self._recent.clock()
            stored = await self._database.look(lambda c: identities.by_subject(c, url, subject))
            self._recent.keep((url, subject), stored, asked_at)
        if stored is None or stored.caller.role is not claimed.role:
            stored = await self._database.write(lambda connection: self._keep(connection, claimed))
        if stored.is_disabled:
            raise Forbidden("This identity is disabled here.", "Ask the administrator.")
        return Caller(stored.caller.key, stored.caller.uuid, stored.caller.username, claimed.role)

    async def create(self, caller: Caller, request: AccountRequest) -> Account:
        """Make an account for somebody. AccountExists when the name is taken."""
        _need_administrator(caller)
        _check(request)
        return await self.add(request.username, request.password, Role.USER)

    async def add(self, username: str, password: str, role: Role) -> Account:
        """Make an account with a role. AccountExists when the name is taken."""
        hashed = await self._passwords.hash(password)

        async def work(connection: Connection) -> tuple[bool, StoredAccount]:
            made = await identities.add(
                connection,
                uuid=self._new_uuid(),
                username=username,
                password_hash=hashed,
                role=role,
                now=await connection.clock(),
            )
            stored = await identities.by_name(connection, username)
            assert stored is not None
            return made, stored

        made, stored = await self._database.write(work)
        account = Account(uuid=str(stored.caller.uuid), username=username)
        if not made:
            raise AccountExists(account)
        return account

    async def list(self, caller: Caller, after: int = 0) -> IdentityList:
        """Identities in the order they were made; `next` is there if there are more."""
        _need_administrator(caller)
        found = await self._database.look(lambda c: identities.after(c, after, _PAGE + 1))
        page = found[:_PAGE]
        more = str(page[-1].caller.key) if len(found) > _PAGE else None
        return IdentityList(identities=tuple(_shown(one) for one in page), next=more)

    async def read_own(self, caller: Caller) -> Identity:
        """The caller, as the database knows it, with the role of this call."""
        stored = await self._database.look(lambda c: identities.by_name(c, caller.username))
        assert stored is not None, "a caller has an identity, and none is ever deleted"
        return _shown(stored._replace(caller=caller))

    async def change(self, caller: Caller, uuid: UUID, change: IdentityChange) -> Identity:
        """Change what is given of an identity. Repeatable.

        Conflict if no administrator with a password would be left, or if an issuer decides it.
        """
        _need_administrator(caller)
        return await self._change(uuid, change)

    async def change_password(self, caller: Caller, password: str) -> Identity:
        """Change the caller's own password. The old one was just proved by signing in."""
        return await self._change(caller.uuid, IdentityChange(password=password))

    async def _change(self, uuid: UUID, change: IdentityChange) -> Identity:
        if change.password is not None and (faults := _password_faults(change.password)):
            raise InvalidBody(tuple(faults))
        hashed = None
        if change.password is not None:
            hashed = await self._passwords.hash(change.password)

        async def work(connection: Connection) -> StoredAccount:
            administrators = await identities.lock_administrators(connection)
            stored = await identities.by_uuid(connection, uuid)
            if stored is None:
                raise NotFound(f"There is no identity {uuid}.", "List them for their uuids.")
            changed = await _changed(connection, stored, change, hashed)
            _keep_an_administrator(administrators, changed)
            await identities.change(connection, changed)
            return changed

        try:
            return _shown(await self._database.write(work))
        finally:
            self._recent.forget()

    async def _keep(self, connection: Connection, claimed: Claimed) -> StoredAccount:
        """The row of somebody of an issuer, made at the first use, with the role of now."""
        url, subject, role = claimed.issuer.url, claimed.subject, claimed.role
        uuid = self._new_uuid()
        for name in (claimed.username, subject, str(uuid)):
            stored = await identities.by_subject(connection, url, subject)
            if stored is not None:
                await identities.change_role(connection, stored.caller.key, role)
                return stored
            await identities.add_subject(
                connection,
                uuid=uuid,
                username=f"{claimed.issuer.name}:{name}",
                role=role,
                issuer=url,
                subject=subject,
                now=await connection.clock(),
            )
        stored = await identities.by_subject(connection, url, subject)
        assert stored is not None, "a name with a new uuid in it is not taken"
        return stored


async def _changed(
    connection: Connection, stored: StoredAccount, change: IdentityChange, hashed: str | None
) -> StoredAccount:
    if stored.issuer is not None and (hashed is not None or change.role is not None):
        raise Conflict(
            f"Password and role of {stored.caller.username} are those of its issuer.",
            "Change them there; here it can be disabled and enabled.",
        )
    if hashed is not None:
        stored = stored._replace(password_hash=hashed)
    if change.role is not None:
        old = stored.caller
        stored = stored._replace(caller=Caller(old.key, old.uuid, old.username, Role(change.role)))
    if change.disabled is not None and change.disabled != stored.is_disabled:
        now = await connection.clock()
        stored = stored._replace(disabled=now if change.disabled else None)
    return stored


def _keep_an_administrator(administrators: list[int], changed: StoredAccount) -> None:
    stays = changed.caller.is_administrator and not changed.is_disabled
    others = [key for key in administrators if key != changed.caller.key]
    if changed.caller.key in administrators and not stays and not others:
        raise Conflict(
            f"{changed.caller.username} is the last administrator with a password.",
            "Make another one first.",
        )


def _need_administrator(caller: Caller) -> None:
    if not caller.is_administrator:
        raise Forbidden("Only an administrator manages accounts.", "Ask one.")


def _check(request: AccountRequest) -> None:
    faults: list[Fault] = []
    name = request.username
    if not name or len(name) > _LONGEST or not name.isprintable() or ":" in name:
        fault = f"1 to {_LONGEST} printable characters without a colon are needed"
        faults.append(Fault(place="$.username", fault=fault))
    faults += _password_faults(request.password)
    if faults:
        raise InvalidBody(tuple(faults))


def _password_faults(password: str) -> "list[Fault]":
    if 0 < len(password) <= 4 * _LONGEST and password.isprintable():
        return []
    fault = f"1 to {4 * _LONGEST} printable characters are needed"
    return [Fault(place="$.password", fault=fault)]


def _shown(stored: StoredAccount) -> Identity:
    return Identity(
        uuid=str(stored.caller.uuid),
        username=stored.caller.username,
        role=stored.caller.role.value,
        issuer=stored.issuer,
        created=stored.created,
        disabled=stored.disabled,
    )
