"""An offer set: a table of offers, or the reasons for a NO and what would make it a YES."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering import words
from execution_broker.cli.rendering.words import Here
from execution_broker.domain.messages import HELD
from execution_broker.domain.suggesting import suggestion_of
from execution_broker.models.component import Cost, Metric
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.message import Message
from execution_broker.models.resources import Range


def offerset(answer: OfferSetResponse, here: Here) -> RenderableType:
    """The whole answer."""
    messages = answer.meta.messages if answer.meta else ()
    if answer.result == "NO" or not answer.offers:
        return Group(Text("NO", style="bold red"), *reasons(messages, here))
    notes = [message for message in messages if message.level in ("WARN", "ERROR")]
    hints = [
        Text.assemble((f"{number}  ", "bold"), f"broker accept {_uuid(offer)}")
        for number, offer in enumerate(answer.offers, 1)
    ]
    parts: list[RenderableType] = [Text("YES", style="bold green"), table(answer.offers, here)]
    said = [_note(message, here) for message in notes]
    return Group(*parts, *said, Text("Take one:"), *hints)


def table(offers: Sequence[ExecutionSession], here: Here) -> Table:
    """One row for each offer, the broker's favourite first."""
    costs, metrics = _types([o.costs for o in offers]), _types([o.metrics for o in offers])
    columns = ("#", f"starts ({words.zone(here)})", "lasts", "cores", "memory")
    shown = Table(*columns, box=None, header_style="bold")
    counted = list(dict.fromkeys(name for o in offers for name in _counted(o)))
    for name in counted:
        shown.add_column(words.plain(name))
    for name in (*costs, *metrics):
        unit = words.unit_of(name)
        shown.add_column(words.type_name(name) + (f" ({unit})" if unit else ""))
    shown.add_column("expires in")
    for number, offer in enumerate(offers, 1):
        available = offer.schedule.available if offer.schedule else None
        shown.add_row(
            str(number),
            words.window(available.start if available else None, here),
            words.duration(available.duration if available else None),
            amount(offer.compute.cores if offer.compute else None),
            amount(offer.compute.memory if offer.compute else None, " GiB"),
            *(amount(_counted(offer).get(name)) for name in counted),
            *(_quoted(offer.costs, name) for name in costs),
            *(_quoted(offer.metrics, name) for name in metrics),
            words.left(offer.expires, here),
        )
    return shown


def amount(wanted: Range | None, units: str = "") -> str:
    """`2`, or `2 to 8` where it is not settled."""
    bounds = [] if wanted is None else [str(b) for b in (wanted.min, wanted.max) if b is not None]
    return " to ".join(dict.fromkeys(bounds)) + units if bounds else "-"


def reasons(messages: Sequence[Message], here: Here) -> list[Text]:
    """Each reason for a NO, and under it what would take that reason away, once. First of all what
    is only held, as nothing of the request has to change for it."""
    lines = [_note(message, here) for message in messages if message.kind == HELD.kind]
    wishes: set[str] = set()
    errors = [message for message in messages if message.level == "ERROR"]
    for message in errors or (one for one in messages if one.kind != HELD.kind):
        lines.append(_note(message, here))
        wish = suggestion(message)
        if wish and wish not in wishes:
            wishes.add(wish)
            would = "it would be a YES " if len(errors) == 1 else "this would fit "
            lines.append(Text.assemble("  → ", would, (wish, "bold")))
    return lines or [Text("No reason was given.")]


def suggestion(message: Message) -> str | None:
    """`with compute.cores.min = 2 (now 8)` or `without costs[0].max (now 1)`, where the message
    says what to change."""
    found = suggestion_of(message)
    if found is None:
        return None
    place = words.plain(found.path).removeprefix("$.").strip("/").replace("/", ".")
    now = f" (now {words.plain(found.now)})" if found.now else ""
    if not found.to:
        return f"without {place}{now}"
    return f"with {place} = {words.plain(found.to)}{now}"


def text_of(message: Message, here: Here) -> str:
    """What a message says, in the reader's time; its kind where it says nothing."""
    said = words.plain(message.message or message.template or words.type_name(message.kind))
    return words.local(said, here)


def _counted(offer: ExecutionSession) -> Mapping[str, Range]:
    return offer.compute.amounts if offer.compute else {}


def _note(message: Message, here: Here) -> Text:
    return Text(f"- {text_of(message, here)}")


def _types(lists: Sequence[Sequence[Cost | Metric]]) -> list[str]:
    return list(dict.fromkeys(value.type for values in lists for value in values if value.type))


def _quoted(values: Sequence[Cost | Metric], name: str) -> str:
    return next((words.bounds(value) for value in values if value.type == name), "-")


def _uuid(offer: ExecutionSession) -> str:
    return words.plain(offer.meta.uuid) if offer.meta and offer.meta.uuid else "?"
