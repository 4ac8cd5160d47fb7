"""Uploads: small files that an identity sends to the broker, to be used in its requests.

An upload is named by a location of its own scheme, `upload:/UUID/NAME`. It is content of one
identity: a request of anybody else that names it is refused.
"""

from typing import Final
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from execution_broker.domain.naming import safe_name

SCHEME: Final = "upload"
CHUNK: Final = 1 << 20
"""Bytes of an upload that are stored in one row."""


def location_of(uuid: UUID, name: str) -> str:
    """The location to write in a request."""
    return f"{SCHEME}:/{uuid}/{quote(safe_name(name))}"


def uuid_of(location: str) -> UUID | None:
    """The upload that a location names; None if it names none."""
    try:
        parts = urlsplit(location)
        if parts.scheme != SCHEME or parts.netloc:
            return None
        return UUID(unquote(parts.path).removeprefix("/").partition("/")[0])
    except ValueError:
        return None


def is_upload(location: str | None) -> bool:
    """Whether a location has the scheme of uploads, whatever follows."""
    return location is not None and location.partition(":")[0].lower() == SCHEME
