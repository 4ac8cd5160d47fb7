"""Content negotiation: which format a body comes in, and which one the answer goes out in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from execution_broker.domain.errors import NotAcceptable, UnsupportedMedia
from execution_broker.formats import FORMATS, JSON, XML, Format


@dataclass(frozen=True, slots=True)
class Representation:
    """A format under the name that the client knows it by."""

    format: Format
    media_type: str


def written_only(name: str, media_type: str, write: Callable[[Any], bytes]) -> Format:
    """A format of some answers that no body may have."""

    def read(_data: bytes, _type: Any) -> object:
        raise UnsupportedMedia(f"{media_type} is written here, and never read.")

    return Format(name, (media_type,), "", read, write)


EVENT_STREAM: Final = written_only("events", "text/event-stream", JSON.write)
"""Server-Sent Events, each with the JSON of an event of ours."""

_DEFAULT: Final = Representation(JSON, JSON.types[0])


def negotiate(accept: str | None, also: tuple[Format, ...] = ()) -> Representation:
    """What to answer in (RFC 9110, 12.5.1). NotAcceptable if the client takes none of ours.

    `also`: formats that only this answer has.

    Among equal quality values a type that is named goes before a wildcard, and JSON before YAML
    before XML.
    """
    if accept is None or accept in ("*/*", "application/json"):
        return _DEFAULT
    best = _best(accept, (*FORMATS, *also))
    if best is None:
        raise NotAcceptable(
            "The Accept header allows none of the media types that are written here.",
            f"Accept one of {_known()}.",
        )
    return best


def negotiate_problem(accept: str | None, plain: Format) -> Representation:
    """What to write a problem document in: as `negotiate`, or plain text; JSON if nothing will do.

    `plain` is the format of plain text, which only problems have.
    """
    best = _DEFAULT if accept is None else _best(accept, (*FORMATS, plain)) or _DEFAULT
    if best.format is plain:
        return best
    return Representation(best.format, f"application/problem{best.format.suffix}")


def body_format(content_type: str | None, content_encoding: str | None) -> Format:
    """The format of a body. JSON if nothing is said; UnsupportedMedia if it is none of ours."""
    if content_encoding not in (None, "", "identity"):
        raise UnsupportedMedia(
            "The body has a Content-Encoding, and none is read here.", "Send it uncompressed."
        )
    if content_type is None or content_type == "application/json":
        return JSON
    media_type, *parameters = (part.strip() for part in content_type.lower().split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise UnsupportedMedia(
                "The charset of the body is not UTF-8.", "Send UTF-8, which needs no charset."
            )
    for format_ in FORMATS:
        if media_type in format_.types or media_type.endswith(format_.suffix):
            return format_
    raise UnsupportedMedia(
        "The Content-Type of the body is none that is read here.", f"Send one of {_known()}."
    )


def _best(accept: str, formats: Iterable[Format]) -> Representation | None:
    ranges = [read for part in accept.split(",") if (read := _range(part)) is not None]
    if not ranges:
        return _DEFAULT
    best, best_rank = None, (0.0, 0)
    for format_ in formats:
        for media_type in format_.types:
            specificity, quality = _match(media_type, format_, ranges)
            if quality > 0 and (quality, specificity) > best_rank:
                best, best_rank = Representation(format_, media_type), (quality, specificity)
    return best


def _range(part: str) -> tuple[str, float] | None:
    """A media range and its quality value; None if it is not one (and then it is ignored)."""
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
    if media_range == "*":
        media_range = "*/*"
    if "/" not in media_range or not 0 <= quality <= 1:
        return None
    return media_range, quality


def _match(media_type: str, format_: Format, ranges: list[tuple[str, float]]) -> tuple[int, float]:
    """How specific the most specific range for a media type is, and its quality value."""
    best = (0, 0.0)
    for media_range, quality in ranges:
        specificity = _specificity(media_type, format_, media_range)
        if specificity > best[0]:
            best = specificity, quality
    return best


def _specificity(media_type: str, format_: Format, media_range: str) -> int:
    if media_range == media_type:
        return 4
    if media_type == format_.types[0] and _names(format_, media_range):
        return 3
    if media_range == media_type.partition("/")[0] + "/*":
        return 2
    return 1 if media_range == "*/*" else 0


def _names(format_: Format, media_range: str) -> bool:
    """Whether a range names a format by its suffix. Much that ends in +xml is not what we write:
    browsers ask for XHTML."""
    if format_ is XML:
        return media_range == "application/problem+xml"
    return bool(format_.suffix) and media_range.endswith(format_.suffix)


def _known() -> str:
    return ", ".join(name for format_ in FORMATS for name in format_.types)
