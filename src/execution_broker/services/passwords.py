"""Passwords: argon2id hashes, made in threads, and what was verified a moment ago."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import argon2

_REMEMBERED: Final = 60.0
_MOST_REMEMBERED: Final = 10_000


class _Remembered(NamedTuple):
    digest: bytes
    until: float


class Passwords:
    """Makes and checks hashes, two at once: each takes 19 MiB and some ten milliseconds.

    A verified password is remembered for a minute under an HMAC with the account's version, so
    that a change of either forgets it.
    """

    def __init__(self, clock: Callable[[], float], secret: bytes) -> None:
        self._clock = clock
        self._secret = secret
        self._hasher = argon2.PasswordHasher(
            time_cost=2, memory_cost=19 * 1024, parallelism=1, type=argon2.Type.ID
        )
        self._nobody = self._hasher.hash("nobody's password")
        self._places = asyncio.Semaphore(2)
        self._remembered: dict[str, _Remembered] = {}
        self._looked_at: WeakValueDictionary[tuple[str, bytes], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def hash(self, password: str) -> str:
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether the hash is that of the password. None takes as long, and never matches."""
        async with self._places:
            found = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return found and stored is not None

    @asynccontextmanager
    async def alone(self, username: str, version: int, password: str) -> AsyncIterator[None]:
        """Wait for others who look at the very same: what they find is remembered."""
        key = username, self._digest(version, password)
        lock = self._looked_at.setdefault(key, asyncio.Lock())
        async with lock:
            yield

    def knows(self, username: str, version: int, password: str) -> bool:
        """Whether this was remembered a moment ago. Takes no time."""
        known = self._remembered.get(username)
        if known is None or known.until < self._clock():
            return False
        return hmac.compare_digest(known.digest, self._digest(version, password))

    def remember(self, username: str, version: int, password: str) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        digest = self._digest(version, password)
        self._remembered[username] = _Remembered(digest, self._clock() + _REMEMBERED)

    def _digest(self, version: int, password: str) -> bytes:
        return hmac.digest(self._secret, f"{version}:{password}".encode(), "sha256")

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
