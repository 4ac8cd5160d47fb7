"""What an answer over HTTP tells by its status and its headers."""

import re
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.domain.naming import shown
from execution_broker.ports.data import Looked

_PASSING: Final = frozenset({408, 425, 429})


def require_success(answer: httpx.Response, location: str, accepted: frozenset[int]) -> None:
    status = answer.status_code
    if status in accepted:
        return
    reason = f"the answer was {status} {_phrase(status)}".strip()
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise transient(location, reason, retry_after(answer, time.time()))
    raise permanent(location, reason)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def told(answer: httpx.Response, size: int | None) -> Looked:
    """What the headers say. Where the content is not there yet they tell of something else."""
    if answer.status_code == HTTPStatus.ACCEPTED:
        return Looked()
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Looked(size, _version(answer), coding, media_type)


def length(answer: httpx.Response) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _version(answer: httpx.Response) -> str | None:
    """The strong validator of RFC 9110: another one for each content."""
    tag = answer.headers.get("ETag", "")
    return None if not tag or tag.startswith("W/") else tag


def whole_length(answer: httpx.Response) -> int | None:
    """The size of the whole behind a range: `bytes 0-0/1234`, or `bytes */0` when it is empty."""
    found = re.fullmatch(
        r"bytes .*/(\d{1,18})", answer.headers.get("Content-Range", ""), re.ASCII | re.IGNORECASE
    )
    return int(found[1]) if found else None


def retry_after(answer: httpx.Response, now: float) -> float | None:
    """Seconds for which the server wants to be left alone. `now` in seconds since 1970."""
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def permanent(location: str, reason: str) -> Permanent:
    return Permanent(messages.SOURCE_FAILED(location=shown(location), reason=reason))


def transient(location: str, reason: str, wait: float | None = None) -> Transient:
    """`wait`: seconds for which the other side wants to be left alone."""
    return Transient(messages.SOURCE_FAILED(location=shown(location), reason=reason), wait)
