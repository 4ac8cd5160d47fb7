"""Web pages that came in place of a file: a page to sign in is answered with 200, too."""

import os
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.naming import shown
from execution_broker.models.message import Message
from execution_broker.ports.data import Looked
from execution_broker.steps.placement import Placement
from execution_broker.steps.sources import names_of

_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_NAMES: Final = (".html", ".htm", ".xhtml", ".shtml")
_STARTS: Final = (b"<!doctype html", b"<html")
_START: Final = 512
_BYTE_ORDER: Final = b"\xef\xbb\xbf"


def unexpected_page(wanted: Placement, told: Looked, fd: int) -> tuple[Message, ...]:
    """What to say of content that is a page, by its type or its beginning, where nobody expects
    one: there is no digest, and no name of a page."""
    if wanted.digests or any(name.lower().endswith(_NAMES) for name in names_of(wanted.source)):
        return ()
    start = os.pread(fd, _START, 0).removeprefix(_BYTE_ORDER).lstrip().lower()
    if told.media_type not in _TYPES and not start.startswith(_STARTS):
        return ()
    place = shown(wanted.source.location)
    return (messages.UNEXPECTED_PAGE(file=wanted.source.name, location=place),)
