"""Secrets that tests plant: none may ever be in a log, of this process or of one it started.

Every test of the suite is looked at (tests/conftest.py), and every server (serving.py).
"""

import base64
from urllib.parse import quote

_PLANTED: set[str] = set()
_SHORTEST = 8


def plant(secret: str) -> str:
    """The secret, which is looked for from now on, in the forms in which it may be sent."""
    assert len(secret) >= _SHORTEST, "so short a text may be anywhere"
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    _PLANTED.update({secret, quote(secret, safe=""), encoded})
    return secret


def plant_basic(username: str, password: str) -> str:
    """The password, looked for as HTTP Basic sends it too."""
    pair = f"{username}:{plant(password)}".encode()
    _PLANTED.add(base64.b64encode(pair).decode())
    return password


def leaked(text: str) -> list[str]:
    """The planted secrets that are in the text."""
    return sorted(secret for secret in _PLANTED if secret in text)
