"""Local accounts: who somebody is, by name and password."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

import argon2

from execution_broker.domain.errors import AlreadyExists, Forbidden, InvalidBody, Unauthenticated
from execution_broker.domain.identity import Caller, Role
from execution_broker.models.extensions import Account, AccountRequest, Fault
from execution_broker.storage import identities
from execution_broker.storage.database import Connection, Database
from execution_broker.storage.identities import StoredAccount

_REMEMBERED: Final = 60.0
_MOST_REMEMBERED: Final = 10_000
_LONGEST: Final = 255


class AccountExists(AlreadyExists):
    """The name is taken. `account` is the one that has it."""

    def __init__(self, account: Account) -> None:
        super().__init__(f"There is an account {account.username} already.", "Choose another name.")
        self.account = account


class _Remembered(NamedTuple):
    digest: bytes
    until: float


class IdentitiesService:
    """Checks credentials and makes accounts.

    A verified credential is remembered for a minute under an HMAC with the account's version, so
    that a change of password forgets it; hashing runs in threads, two at once.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        new_uuid: Callable[[], UUID],
        secret: bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_uuid = new_uuid
        self._secret = secret
        self._hasher = argon2.PasswordHasher(
            time_cost=2, memory_cost=19 * 1024, parallelism=1, type=argon2.Type.ID
        )
        self._nobody = self._hasher.hash("nobody's password")
        self._places = asyncio.Semaphore(2)
        self._remembered: dict[str, _Remembered] = {}

    async def authenticate(self, username: str, password: str) -> Caller:
        """Who this is. An unknown name takes as long to refuse as a wrong password."""
        account = await self._database.read(
            lambda connection: identities.by_name(connection, username)
        )
        usable = account is not None and not account.is_disabled
        stored = account.password_hash if account and usable else None
        digest = self._digest(account, password)
        if stored is not None and self._knows(username, digest):
            assert account is not None
            return account.caller
        async with self._places:
            matches = await asyncio.to_thread(self._matches, stored or self._nobody, password)
        if account is None or stored is None or not matches:
            raise Unauthenticated(
                "The user name or the password is wrong.", "Check both and sign in again."
            )
        self._remember(username, digest)
        return account.caller

    async def create(self, caller: Caller, request: AccountRequest) -> Account:
        """Make an account for somebody. AccountExists when the name is taken."""
        if not caller.is_administrator:
            raise Forbidden("Only an administrator makes accounts.", "Ask one.")
        _check(request)
        return await self.add(request.username, request.password, Role.USER)

    async def add(self, username: str, password: str, role: Role) -> Account:
        """Make an account with a role. AccountExists when the name is taken."""
        async with self._places:
            hashed = await asyncio.to_thread(self._hasher.hash, password)

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

    def _digest(self, account: StoredAccount | None, password: str) -> bytes:
        version = account.version if account else 0
        text = f"{version}:{password}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).digest()

    def _knows(self, username: str, digest: bytes) -> bool:
        known = self._remembered.get(username)
        if known is None or known.until < self._clock():
            return False
        return hmac.compare_digest(known.digest, digest)

    def _remember(self, username: str, digest: bytes) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[username] = _Remembered(digest, self._clock() + _REMEMBERED)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def _check(request: AccountRequest) -> None:
    faults: list[Fault] = []
    name = request.username
    if not name or len(name) > _LONGEST or not name.isprintable() or ":" in name:
        fault = f"1 to {_LONGEST} printable characters without a colon are needed"
        faults.append(Fault(place="$.username", fault=fault))
    if not request.password or len(request.password) > 4 * _LONGEST:
        faults.append(Fault(place="$.password", fault=f"1 to {4 * _LONGEST} characters are needed"))
    if faults:
        raise InvalidBody(tuple(faults))
