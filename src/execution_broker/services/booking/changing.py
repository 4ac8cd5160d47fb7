"""Changing what was offered or is running: a new hold, which can be refused (B6)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from execution_broker.domain import messages
from execution_broker.domain.budget import most_of, over_budget
from execution_broker.domain.changing import (
    TEXTS,
    Bounds,
    changeable,
    changed,
    plain_path,
    wanted,
)
from execution_broker.domain.errors import Conflict
from execution_broker.domain.growing import DURATION
from execution_broker.domain.holding import held
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.offer import Terms
from execution_broker.domain.plan import StepKind
from execution_broker.domain.reserving import ahead, needs
from execution_broker.domain.reserving import bookings as bookings_of
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate, EnumUpdate, IntegerUpdate, StringUpdate
from execution_broker.models.update import Update as AnyUpdate
from execution_broker.services.booking.choosing import Choice, Decided, Guard
from execution_broker.services.booking.scene import Scene, holds
from execution_broker.services.views import elapsed, phase_now, refusal
from execution_broker.storage.records import Located, StoredSession
from execution_broker.transitions.folding import unfold
from execution_broker.transitions.living import note_schedule, say


class Change(Choice):
    """Change an amount, the name or the description. Conflict lists what is possible."""

    def __init__(
        self, located: Located, guard: Guard, update: AnyUpdate, budget: Mapping[str, int]
    ) -> None:
        """`budget`: the most that its owner may hold in unanswered offers (B8)."""
        super().__init__(located.offerset, located.uuid, guard)
        self._update = update
        self._budget = budget
        self.identity = located.identity if budget else None

    def decide(self, scene: Scene) -> Decided:
        session, _ = self.chosen(scene)
        scene.measure_room(session)
        unfold(session)
        update, path = self._update, plain_path(self._update.path)
        match update:
            case StringUpdate(value=value) if path in TEXTS:
                _rename(session, path, value, scene)
            case IntegerUpdate() | DeltaUpdate():
                _resize(session, update, path, scene, self._budget)
            case StringUpdate() | EnumUpdate():
                raise refusal(session, scene.now, "changed like that")
        scene.save(session)
        scene.measure_room(session)
        return Decided(session, scene.now)


def _rename(session: StoredSession, path: str, value: str, scene: Scene) -> None:
    is_live = phase_now(session, scene.now) not in SESSION_ENDS
    if not is_live or len(value) > TEXTS[path] or any(ord(c) < 32 for c in value):
        raise refusal(session, scene.now, f"given this {path}")
    if path == "meta.name":
        session.name = value
    else:
        session.description = value
    say(session, messages.RENAMED(path=path), scene.now)


def _resize(
    session: StoredSession,
    update: IntegerUpdate | DeltaUpdate,
    path: str,
    scene: Scene,
    budget: Mapping[str, int],
) -> None:
    phase = phase_now(session, scene.now)
    capability = session.platform_capability()
    ran = elapsed(session, scene.now)
    possible = changeable(phase, session.terms, capability, ran, session.room)
    bounds = {one.path: one for one in possible}
    if path not in bounds or capability is None:
        raise refusal(session, scene.now, f"changed at {path}")
    value = wanted(update, bounds[path])
    if value == bounds[path].now:
        return
    before = session.terms
    session.terms = changed(before, capability, bounds[path].name, value)
    if phase is SessionPhase.OFFERED:
        _hold_anew(session, bounds[path], value, scene, budget)
    else:
        added = {bounds[path].name: value - bounds[path].now}
        _check_budget(session, added, scene, budget)
        _book_anew(session, before, bounds[path], value, scene)
    units = bounds[path].units
    said = messages.CHANGED(path=path, before=bounds[path].now, after=value, units=units)
    say(session, said, scene.now)
    note_schedule(session, scene.now)


def _hold_anew(
    session: StoredSession, bounds: Bounds, value: int, scene: Scene, budget: Mapping[str, int]
) -> None:
    """Replace the hold of all offers of the answer, if there is room for the new one."""
    before = scene.held(session.offerset)
    offers = [
        offer
        for offer in scene.offers_of(session.offerset)
        if phase_now(offer, scene.now) is SessionPhase.OFFERED
    ]
    here = held((o.terms, needs(o.terms)) for o in offers if o.platform == session.platform)
    if value > bounds.now and not scene.can_become(session, here):
        raise _no_room(session, bounds, value)
    scene.let_go(session.offerset)
    wanted = most_of(booking for taken in holds(offers) for booking in taken.bookings)
    added = {name: amount - before.get(name, 0) for name, amount in wanted.items()}
    _check_budget(session, added, scene, budget)
    scene.hold(offers)
    scene.hold_more(session.identity, added)


def _check_budget(
    session: StoredSession, added: Mapping[str, int], scene: Scene, budget: Mapping[str, int]
) -> None:
    """To enlarge is a new hold, even where it is confirmed at once (B6, B8)."""
    over = over_budget(budget, scene.held_by.get(session.identity, {}), added)
    if over is not None:
        raise Conflict(
            f"{over.message} The session {session.uuid} stays as it is.",
            "Answer your other offers, or ask for less.",
        )


def _book_anew(
    session: StoredSession, before: Terms, bounds: Bounds, value: int, scene: Scene
) -> None:
    """Replace what is booked from now on, if there is room; what runs is not touched else."""
    booked = bookings_of(session.terms)
    rest = ahead(booked, int(scene.now.timestamp()))
    if value > bounds.now and not scene.can_become(session, rest):
        raise _no_room(session, bounds, value)
    scene.end(session, {str(one.component) for one in booked})
    scene.confirm(session, rest)
    if bounds.name == DURATION:
        _move_end(session, before, scene)


def _move_end(session: StoredSession, before: Terms, scene: Scene) -> None:
    """The end of time comes later or earlier by as much (S6). Whoever watches tells the platform at
    once: what supervises a session there ends it for itself."""
    if session.ends is not None:
        session.ends += timedelta(seconds=session.terms.duration - before.duration)
    end = session.ends or _planned_end(session.terms)
    scene.set_due(session, StepKind.END, end)
    if session.ends is not None:
        scene.set_due(session, StepKind.WATCH, scene.now)


def _planned_end(terms: Terms) -> datetime:
    return datetime.fromtimestamp(terms.start + terms.duration, UTC)


def _no_room(session: StoredSession, bounds: Bounds, value: int) -> Conflict:
    return Conflict(
        f"There is no room for {value} {bounds.units} at {bounds.path}: "
        f"the session {session.uuid} stays as it is.",
        "Ask for less, or again later.",
    )
