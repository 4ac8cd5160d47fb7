"""How a session ends: by failing, by being cancelled, or by coming to its end."""

from datetime import datetime
from typing import Literal

from execution_broker.domain.lifecycle import COMPONENT_ENDS, SESSION_ENDS
from execution_broker.models.message import Message
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.storage import outside, steps, waking
from execution_broker.storage.database import Connection
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.living import enter, enter_component, enter_live_components, say
from execution_broker.transitions.planned import add_releases, has_begun


async def fail(
    connection: Connection,
    session: StoredSession,
    message: Message,
    now: datetime,
    component: str | None = None,
) -> None:
    """The session is FAILED at once and then released, whatever phase it was in.

    `component` is the one at fault; the others are CANCELLED. The caller holds the session's
    lock and saves it.
    """
    say(session, message, now, component)
    if component in session.components:
        if session.components[component].phase not in COMPONENT_ENDS:
            enter_component(session, component, ComponentPhase.FAILED, now)
        say(session, message, now)
    await _stop(connection, session, SessionPhase.FAILED, now)


async def cancel(
    connection: Connection, session: StoredSession, message: Message, now: datetime
) -> None:
    """The session is CANCELLED at once and then released. Not for offers."""
    say(session, message, now)
    await _stop(connection, session, SessionPhase.CANCELLED, now)


async def come_to_end(
    connection: Connection, session: StoredSession, message: Message, now: datetime
) -> None:
    """A session that has finished, or whose time is over, is RELEASING."""
    say(session, message, now)
    await _stop(connection, session, SessionPhase.RELEASING, now)


def finish(session: StoredSession, now: datetime) -> None:
    """Everything is gone: the session is released, and COMPLETED if it was RELEASING."""
    if session.phase is SessionPhase.RELEASING:
        enter(session, SessionPhase.COMPLETED, now)
    assert session.phase in SESSION_ENDS
    session.released = now


async def give_up(
    connection: Connection, session: StoredSession, message: Message, now: datetime
) -> None:
    """An operator answers for it that nothing is left of an ended session: whatever is still to
    be released is taken as gone. The caller holds the session's lock, ends its bookings and saves
    it."""
    say(session, message, now)
    await steps.cancel_all(connection, session.id, now)
    for receipt in await outside.receipts(connection, session.id):
        if receipt.gone is None:
            await outside.gone(connection, session.id, receipt.component, now)
    if session.phase is SessionPhase.RELEASING:
        enter_live_components(session, ComponentPhase.FAILED, now)
        enter(session, SessionPhase.FAILED, now)
    finish(session, now)


async def _stop(
    connection: Connection,
    session: StoredSession,
    phase: Literal[SessionPhase.FAILED, SessionPhase.CANCELLED, SessionPhase.RELEASING],
    now: datetime,
) -> None:
    """Set the phase, cancel the steps nobody works on, and let the releases begin (S7).

    A session that is released already when it fails just changes its phase.
    """
    begun = has_begun(session)
    enter(session, phase, now)
    if phase is not SessionPhase.RELEASING:
        enter_live_components(session, ComponentPhase.CANCELLED, now)
    if session.ended is None:
        session.ended = now
        await steps.cancel_unclaimed(connection, session.id, now)
        if not begun:
            await add_releases(connection, session, now)
        await waking.wake(connection, [session.id], now)
