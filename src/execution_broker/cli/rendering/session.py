"""A session: its phase, its schedule, and how far each component is."""

from collections.abc import Iterator

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering import words
from execution_broker.cli.rendering.offers import amount, text_of
from execution_broker.cli.rendering.words import Here
from execution_broker.domain import messages
from execution_broker.models import kinds
from execution_broker.models.component import Component, LifecycleComponent
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.models.resources import SimpleCompute, SimpleStorage

_LEVELS = {"ERROR": "red", "WARN": "yellow"}


class Progress(msgspec.Struct, frozen=True):
    """How far a component is. `total` is None where nobody knows."""

    done: float
    total: float | None
    units: str

    @property
    def fraction(self) -> float | None:
        return min(self.done / self.total, 1.0) if self.total else None


def session(shown: ExecutionSession, here: Here) -> RenderableType:
    """Everything that its reader may see."""
    return Group(
        heading(shown),
        *plan(shown, here),
        components_table(shown),
        *costs(shown),
        *connectors(shown),
        *(line(label, message, here) for label, message in all_messages(shown)),
    )


def heading(shown: ExecutionSession) -> Text:
    """`RUNNING  4f1c...  my notebook`"""
    meta = shown.meta
    uuid = words.plain(meta.uuid) if meta and meta.uuid else ""
    name = name_of(shown) or name_of(shown.executable)
    return Text("  ").join(
        part for part in (words.phase(shown.phase), Text(uuid), Text(name)) if part
    )


def plan(shown: ExecutionSession, here: Here) -> Iterator[Text]:
    """What was promised: until when to answer, when it is prepared, when it starts."""
    if shown.phase is SessionPhase.OFFERED:
        yield Text(f"Expires in {words.left(shown.expires, here)}.")
    schedule = shown.schedule
    if schedule is None or schedule.available is None:
        return
    parts = [f"starts {words.window(schedule.available.start, here)} {words.zone(here)}"]
    if schedule.preparing:
        parts.insert(0, f"preparing from {words.instant(schedule.preparing.start, here)}")
    parts.append(f"lasts {words.duration(schedule.available.duration)}")
    yield Text("Planned: " + ", ".join(parts) + ".")


def components(shown: ExecutionSession) -> list[tuple[str, LifecycleComponent]]:
    """Each component under a label that tells it from the others: `data cat.fits`."""
    groups: tuple[tuple[str, tuple[LifecycleComponent | None, ...]], ...] = (
        ("executable", (shown.executable,)),
        ("compute", (shown.compute,)),
        ("storage", shown.storage),
        ("data", shown.data),
    )
    found = []
    for role, group in groups:
        for index, component in enumerate(group):
            if component is None:
                continue
            number = f"[{index}]" if len(group) > 1 else ""
            found.append((f"{role} {name_of(component) or number}".strip(), component))
    return found


def components_table(shown: ExecutionSession) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("component", overflow="fold")
    for column in ("kind", "phase", "progress"):
        table.add_column(column)
    for label, component in components(shown):
        table.add_row(label, _detail(component), words.phase(component.phase), _bar_of(component))
    return table


def progress(component: Component) -> Progress | None:
    """What the newest progress message of a component says."""
    for message in reversed(component.meta.messages if component.meta else ()):
        if message.kind == messages.PROGRESS.kind:
            done, total = (_number(message.values.get(key)) for key in ("done", "total"))
            if done is not None:
                return Progress(done, total, words.plain(message.values.get("units", "")))
    return None


def progress_text(how_far: Progress) -> str:
    """`34%, 3.2 MiB of 9.5 MiB`, or `3 of 4 files`."""
    if how_far.units == "bytes":
        done = words.size(how_far.done)
        total = words.size(how_far.total) if how_far.total else ""
    else:
        done = f"{how_far.done:g}" if how_far.total else f"{how_far.done:g} {how_far.units}".strip()
        total = f"{how_far.total:g} {how_far.units}".strip() if how_far.total else ""
    if how_far.fraction is None:
        return done
    return f"{how_far.fraction:.0%}, {done} of {total}"


def bar(fraction: float, width: int = 24) -> Text:
    """A bar of text, so that it can stand in a table cell."""
    full = round(fraction * width)
    return Text.assemble(("━" * full, "green"), ("─" * (width - full), "dim"))


def costs(shown: ExecutionSession) -> Iterator[Text]:
    named = [
        f"{words.type_name(c.type)} {words.bounds(c)} {words.unit_of(c.type)}".rstrip()
        for c in shown.costs
    ]
    if named:
        yield Text("Costs: " + ", ".join(named) + ".")


def connectors(shown: ExecutionSession) -> Iterator[Text]:
    """Where to go to use the session. Only its owner is told the addresses."""
    for connector in shown.connectors:
        if connector.location and connector.status != "FINISHED":
            place = words.plain(connector.location)
            yield Text.assemble("Open: ", (place, "bold cyan"), f" ({connector.status or '?'})")


def all_messages(shown: ExecutionSession) -> list[tuple[str, Message]]:
    """Every message but progress, with the label of what it is about (empty: the session)."""
    parts: list[tuple[str, Component]] = [("", shown), *components(shown)]
    return [
        (label, message)
        for label, part in parts
        for message in (part.meta.messages if part.meta else ())
        if message.kind != messages.PROGRESS.kind and message.level != "DEBUG"
    ]


def line(label: str, message: Message, here: Here) -> Text:
    """`WARN  data cat.fits: ...`"""
    about = f"{label}: " if label else ""
    return Text.assemble(
        (f"{message.level:<5} ", _LEVELS.get(message.level, "dim")),
        f"{about}{text_of(message, here)}",
    )


def name_of(component: Component | None) -> str:
    """The name that its owner gave it, or nothing."""
    meta = component.meta if component else None
    return words.plain(meta.name) if meta and meta.name else ""


def _detail(component: LifecycleComponent) -> str:
    match component:
        case SimpleCompute():
            cores = words.counted(amount(component.cores), "core")
            sizes = [cores, amount(component.memory, " GiB")]
            further = component.amounts.items()
            return ", ".join([*sizes, *(f"{amount(n)} {words.plain(name)}" for name, n in further)])
        case SimpleStorage():
            return amount(component.size, " GiB")
        case _:
            return kinds.short(str(component.__struct_config__.tag))


def _bar_of(component: LifecycleComponent) -> Text:
    how_far = progress(component)
    if how_far is None or component.phase not in (
        ComponentPhase.PREPARING,
        ComponentPhase.RUNNING,
        ComponentPhase.RELEASING,
    ):
        return Text("")
    text = progress_text(how_far)
    if how_far.fraction is None:
        return Text(text)
    return Text.assemble(bar(how_far.fraction), f" {text}")


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
