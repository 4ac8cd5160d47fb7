"""Lists of sessions and of offer sets, and the log of a session line by line."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich.table import Table
from rich.text import Text

from execution_broker.cli.prefixes import shortened
from execution_broker.cli.rendering import words
from execution_broker.cli.rendering.words import Here
from execution_broker.models.listing import Event, OfferSetSummary, SessionSummary

_WIDE: Final = 110
"""Columns of a terminal that has room for whole UUIDs."""


def sessions(found: Sequence[SessionSummary], here: Here, width: int) -> Table | Text:
    """One row for each; whose they are only where there is more than one owner. Where there is no
    room for whole UUIDs, so much of them as tells them apart."""
    if not found:
        return Text("No sessions.")
    shared = len({one.owner for one in found}) > 1
    uuids = [words.plain(one.uuid) for one in found]
    shown = shortened(uuids) if width < _WIDE else {uuid: uuid for uuid in uuids}
    table = Table(box=None, header_style="bold")
    start = f"start ({words.zone(here)})"
    for column in ("phase", "name", start, "duration", "platform", *(["owner"] * shared)):
        table.add_column(column, overflow="fold" if column == "name" else "ellipsis")
    table.add_column("uuid", no_wrap=True)
    for one in found:
        table.add_row(
            words.phase(one.phase),
            words.plain(one.name or one.executable or "-"),
            _start(one, here),
            _duration(one),
            words.plain(one.platform),
            *([words.plain(one.owner)] * shared),
            shown[words.plain(one.uuid)],
        )
    return table


def offersets(found: Sequence[OfferSetSummary], here: Here, _width: int) -> Table | Text:
    """One row for each."""
    if not found:
        return Text("No offer sets.")
    asked = f"asked ({words.zone(here)})"
    table = Table("answer", asked, "expires in", "owner", "uuid", box=None, header_style="bold")
    for one in found:
        table.add_row(
            one.result,
            words.moment(words.aware(one.created), here),
            words.left(one.expires, here),
            words.plain(one.owner),
            words.plain(one.uuid),
        )
    return table


def event(one: Event, here: Here) -> str:
    """`14:02:11  12  executable  component-phase RUNNING`"""
    when = words.aware(one.time)
    day = words.moment(when, here).rpartition(" ")[0]
    clock = f"{day} {words.clock(when, here)}".strip()
    about = words.plain(one.component or "session")
    return f"{clock}  {one.number:>3}  {about:<12} {words.plain(one.type)} {_told(one.body)}"


def _start(one: SessionSummary, here: Here) -> str:
    if one.started is not None:
        return words.moment(words.aware(one.started), here)
    return words.window(one.start, here)


def _duration(one: SessionSummary) -> str:
    """What it took where it has ended, what is promised before."""
    if one.started is not None and one.ended is not None:
        return words.length(words.aware(one.ended) - words.aware(one.started))
    return words.duration(one.duration)


def _told(body: dict[str, Any]) -> str:
    """The words of an event; the whole of its body where it has none."""
    match body:
        case {"message": {"level": str(level), "message": str(text)}}:
            return words.plain(f"{level} {text}")
        case {"step": str(step), "phase": str(phase)}:
            return words.plain(f"{step} {phase}")
        case {"phase": str(phase)}:
            return words.plain(phase)
        case _:
            return words.plain(msgspec.json.encode(body).decode())
