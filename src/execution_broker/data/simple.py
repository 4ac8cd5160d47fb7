"""Simple data: a file behind a URL."""

from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.domain.naming import file_name, shown
from execution_broker.models import kinds
from execution_broker.models.executable import Checks
from execution_broker.models.resources import SimpleData
from execution_broker.ports.data import Source


class SimpleDataConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to set."""


class SimpleDataKind:
    """The simple data resource of the standard. Its name in the storage is `meta.name`, else the
    last part of the URL's path, as a safe file name."""

    kind: ClassVar[str] = kinds.SIMPLE_DATA
    Config: ClassVar[type[msgspec.Struct]] = SimpleDataConfig

    def __init__(self, config: SimpleDataConfig) -> None:
        self.config = config

    async def locate(self, resource: SimpleData) -> Source:
        """Permanent when there is no location, or one that is no URL. Asks nobody."""
        name = resource.meta.name if resource.meta else None
        place = f"the location of data resource {name}" if name else "the location of the data"
        if not resource.location:
            raise Permanent(messages.MISSING_PART(part=place.removeprefix("the ")))
        if not _is_url(resource.location):
            raise Permanent(
                messages.BAD_VALUE(
                    place=place,
                    value=shown(resource.location),
                    reason="not a URL; write for example https://example.org/file.fits",
                )
            )
        return Source(
            location=resource.location,
            name=file_name(name, resource.location),
            checks=resource.checks or Checks(),
        )


def _is_url(location: str) -> bool:
    if not location.isprintable() or location != location.strip():
        return False
    try:
        parts = urlsplit(location)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path.startswith("/")))
