"""Keys to seal with, where a database has no file beside it."""

from base64 import b64encode
from typing import Final

from execution_broker.sealing import KeyRing, read_keys

KEYS: Final = "of-tests:" + b64encode(bytes(range(32))).decode()


def ring(keys: str = KEYS) -> KeyRing:
    return KeyRing(read_keys(keys))
