"""Sealed values: texts that only who has the key can read, and nobody else can make or move.

A value is sealed with AES-256-GCM for one place, and names its key: `1.KEY.DATA`. Several keys
may be there at once; the newest seals, and all open. The cipher is loaded with its first use.
"""

import hmac
import os
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from execution_broker.domain.errors import CannotOpen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION: Final = "1"
_BYTES: Final = 32
_NONCE: Final = 12


class _Key:
    """A key for each use, derived from one secret (HMAC as a pseudo-random function)."""

    def __init__(self, secret: bytes) -> None:
        self._sealing = _derived(secret, "seal")
        self.digests = _derived(secret, "digest")

    @cached_property
    def cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._sealing)


class KeyRing:
    """The keys of one broker, by their names. Knows nothing of where they come from."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys`: 32 bytes each, the newest last. There is at least one."""
        self._keys = {name: _Key(secret) for name, secret in keys.items()}
        *_, self.newest = self._keys

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def seal(self, value: bytes, place: str) -> str:
        """Seal with the newest key. `place`: where the value belongs; it opens nowhere else."""
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self.newest].cipher.encrypt(nonce, value, place.encode())
        data = urlsafe_b64encode(nonce + sealed).decode("ascii")
        return f"{_VERSION}.{self.newest}.{data}"

    def open(self, sealed: str, place: str) -> bytes:
        """CannotOpen where the key is not here, or what is sealed is not of this place."""
        from cryptography.exceptions import InvalidTag

        name = key_of(sealed)
        key = self._keys.get(name)
        if key is None:
            raise CannotOpen(
                f"Something is sealed with the key {name!r}, which this process has not.",
                "Give it in sealing.keys, and start again.",
            )
        try:
            data = _data_of(sealed)
            return key.cipher.decrypt(data[:_NONCE], data[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen(
                f"What is sealed with the key {name!r} is not what was sealed here.",
                "Look whether the key is the one of this database, and whether somebody has"
                " changed the database.",
            ) from None

    def digests(self, value: bytes) -> tuple[str, ...]:
        """Digests that nobody can guess a value by who has not the key: of each key, the newest
        first. Compare with all, and keep the first."""
        return tuple(
            f"{name}.{hmac.digest(self._keys[name].digests, value, 'sha256').hex()}"
            for name in reversed(self.names)
        )


def key_of(sealed: str) -> str:
    """The name of the key that a value is sealed with; empty for what is no sealed value."""
    version, _, rest = sealed.partition(".")
    return rest.rpartition(".")[0] if version == _VERSION else ""


def read_keys(text: str) -> dict[str, bytes]:
    """`NAME:KEY` for each, between white space, the newest last; KEY is 32 bytes in base64. What
    follows a # in a line does not count. ValueError names the one that is wrong, never its key."""
    found: dict[str, bytes] = {}
    words = " ".join(line.partition("#")[0] for line in text.splitlines()).split()
    for number, word in enumerate(words, 1):
        name, _, encoded = word.partition(":")
        if not name.replace("-", "").isalnum() or not name.isascii():
            raise ValueError(f"the name of key {number} is not made of letters, digits and -")
        if name in found:
            raise ValueError(f"the key {name} is there twice")
        found[name] = _decoded(name, encoded)
    if not found:
        raise ValueError("there is no key")
    return found


def new_key(name: str) -> str:
    """A new key as `read_keys` reads it."""
    return f"{name}:{b64encode(os.urandom(_BYTES)).decode('ascii')}"


def _data_of(sealed: str) -> bytes:
    """ValueError unless it is written as `seal` writes it: there is one text for each value."""
    text = sealed.rpartition(".")[2]
    data = urlsafe_b64decode(text)
    if urlsafe_b64encode(data).decode("ascii") != text:
        raise ValueError("it is written otherwise")
    return data


def _decoded(name: str, encoded: str) -> bytes:
    try:
        secret = b64decode(encoded, validate=True)
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise ValueError(f"the key {name} is not {_BYTES} bytes in base64")
    return secret


def _derived(secret: bytes, use: str) -> bytes:
    return hmac.digest(secret, f"execution-broker {use}".encode(), "sha256")
