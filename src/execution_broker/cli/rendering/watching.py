"""A session as it changes: lines for a log, a view that lives on a terminal, and a timeline."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering import words
from execution_broker.cli.rendering.session import (
    all_messages,
    bar,
    components,
    components_table,
    connectors,
    heading,
    line,
    plan,
    progress,
    progress_text,
)
from execution_broker.cli.rendering.words import Here
from execution_broker.domain import iso8601
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase

_LAST_MESSAGES = 6
_BEFORE_START = frozenset(
    {
        SessionPhase.ACCEPTED,
        SessionPhase.WAITING,
        SessionPhase.PREPARING,
        SessionPhase.AVAILABLE,
    }
)


class Watched:
    """What was seen of a session, by somebody who watches it."""

    def __init__(self) -> None:
        self.session: ExecutionSession | None = None
        self.phases: list[tuple[SessionPhase, datetime]] = []

    def see(self, session: ExecutionSession, here: Here) -> list[str]:
        """Remember it; answers one line for each thing that changed."""
        before, self.session = self.session, session
        if session.phase and (not self.phases or self.phases[-1][0] is not session.phase):
            self.phases.append((session.phase, here.now))
        return list(changes(before, session, here))

    def started(self) -> datetime | None:
        """When it began to run, if that was seen."""
        seen = self.phases[1:]
        return next((when for phase, when in seen if phase is SessionPhase.RUNNING), None)


class View:
    """Draws what is watched, anew at every refresh, so that times move on between changes."""

    def __init__(self, watched: Watched, here: Callable[[], Here]) -> None:
        self._watched = watched
        self._here = here

    def __rich__(self) -> RenderableType:
        session, here = self._watched.session, self._here()
        if session is None:
            return Text("Waiting for the first answer ...")
        return Group(
            heading(session),
            *plan(session, here),
            Text(""),
            *_elapsed(session, self._watched, here),
            components_table(session),
            Text(""),
            timeline(self._watched, here),
            *connectors(session),
            *[line(*said, here) for said in all_messages(session)][-_LAST_MESSAGES:],
        )


def changes(before: ExecutionSession | None, after: ExecutionSession, here: Here) -> Iterator[str]:
    """One line for each thing that is different, the session's phase first."""
    if before is None or before.phase is not after.phase:
        yield after.phase.value if after.phase else "?"
    known = dict(components(before)) if before else {}
    for label, component in components(after):
        old = known.get(label)
        if component.phase and (old is None or old.phase is not component.phase):
            yield f"{label}: {component.phase}"
        how_far = progress(component)
        if how_far and how_far != (progress(old) if old else None):
            yield f"{label}: {progress_text(how_far)}"
    open_before = [text.plain for text in connectors(before)] if before else []
    yield from (text.plain for text in connectors(after) if text.plain not in open_before)
    said = all_messages(before) if before else []
    for label, message in all_messages(after):
        if (label, message) not in said:
            yield line(label, message, here).plain


def timeline(watched: Watched, here: Here) -> Table:
    """When what was planned and when what was seen, in the order of time."""
    table = Table(box=None, show_header=False)
    for when, what in sorted(_marks(watched, here), key=lambda mark: mark[0]):
        style = "dim" if when > here.now or what.startswith("planned") else ""
        table.add_row(words.clock(when, here), Text(what, style=style))
    return table


def _marks(watched: Watched, here: Here) -> Iterator[tuple[datetime, str]]:
    session = watched.session
    if session is None:
        return
    if session.meta and session.meta.created:
        yield words.aware(session.meta.created), "offered"
    schedule = session.schedule
    prepared = schedule.preparing.start if schedule and schedule.preparing else None
    start = schedule.available.start if schedule and schedule.available else None
    try:
        if prepared:
            yield iso8601.read_instant(prepared), "planned: preparing begins"
        if start:
            first, last = iso8601.read_interval(start, here.now)
            latest = f", at the latest {words.clock(last, here)}" if last else ""
            yield first, f"planned: start{latest}"
    except ValueError:
        yield here.now, "planned: at times that cannot be read"
    for index, (phase, when) in enumerate(watched.phases):
        yield when, phase.value if index else f"{phase.value} when first looked at"


def _elapsed(session: ExecutionSession, watched: Watched, here: Here) -> Iterator[Text]:
    """How long this phase has lasted, with a bar where its end is known."""
    if not watched.phases or session.phase is None or session.phase in SESSION_ENDS:
        return
    since = here.now - watched.phases[-1][1]
    started, promised = watched.started(), _promised(session)
    if session.phase is SessionPhase.RUNNING and started and promised:
        text = f" {words.length(since)} of {words.length(promised)} at most"
        yield Text.assemble(bar(min(since / promised, 1.0)), text)
    else:
        yield Text(f"{session.phase.value} for {words.length(since)}", style="dim")
        yield from countdown(session, here)


def countdown(session: ExecutionSession, here: Here) -> Iterator[Text]:
    """How long until a session that waits starts."""
    available = session.schedule.available if session.schedule else None
    if session.phase not in _BEFORE_START or available is None or not available.start:
        return
    try:
        start, last = iso8601.read_interval(available.start, here.now)
    except ValueError:
        return
    if start > here.now:
        yield Text(f"Starts in {words.length(start - here.now)}, at {words.clock(start, here)}.")
    elif last is not None and last > here.now:
        latest = f"in {words.length(last - here.now)} at the latest, at {words.clock(last, here)}"
        yield Text(f"Starts when all is ready and there is room, {latest}.")


def _promised(session: ExecutionSession) -> timedelta | None:
    available = session.schedule.available if session.schedule else None
    try:
        return (
            iso8601.read_duration(available.duration) if available and available.duration else None
        )
    except ValueError:
        return None
