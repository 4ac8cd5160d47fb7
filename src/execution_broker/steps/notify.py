"""Telling owners: one notice to one place, until it arrives or has been tried for long enough."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
import structlog

from execution_broker.domain.errors import CannotOpen, OutsideError
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.notices import Course, due, sentence
from execution_broker.domain.plan import StepKind
from execution_broker.models.told import Told
from execution_broker.notices.ways import Notice, NotSent, Way
from execution_broker.sealing import KeyRing
from execution_broker.steps.base import Applied, Cancelled, Completed, Failed, PutBack, growing
from execution_broker.storage import sessions, subscriptions
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep, StoredSession
from execution_broker.storage.subscriptions import StoredSubscription
from execution_broker.transitions.sealed import open_target

_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 3600.0
"""Seconds between two tries."""

_log = structlog.get_logger()


class Telling(NamedTuple):
    """With what owners are told: `ways` by their names. `lead`: how long before its end a session
    ends soon. A notice is tried for `keep_trying`. `base_url` begins addresses of sessions."""

    ways: Mapping[str, Way]
    ring: KeyRing
    lead: timedelta
    keep_trying: timedelta
    base_url: str


class Tries(msgspec.Struct, frozen=True):
    """The payload: what is to be told to whom, and how often that was tried since when."""

    subscription: UUID
    session: UUID
    told: Told
    number: int = 0
    since: datetime | None = None


class Loaded(NamedTuple):
    tries: Tries
    subscription: StoredSubscription
    notice: Notice
    names: dict[str, str]
    now: datetime


class Notify:
    """Sends one notice, once it is due. It has arrived when whoever is told says so: what is sent
    again has the same id."""

    kind = StepKind.NOTIFY

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    async def load(
        self, connection: Connection, step: LeasedStep, now: datetime
    ) -> Loaded | Applied:
        tries = msgspec.convert(step.payload, Tries)
        subscription = await subscriptions.find(connection, tries.subscription)
        session = await sessions.by_uuid(connection, tries.session)
        if subscription is None or session is None:
            return Cancelled()
        course = _course(session)
        time = due(tries.told, course, self._telling.lead)
        if time is None:
            return Cancelled()
        if now < time:
            return PutBack(time)
        notice = self._notice(step, tries.told, course, time)
        return Loaded(tries, subscription, notice, _names(tries, session), now)

    async def act(self, loaded: Loaded) -> NotSent | None:
        """Why it has not arrived, if it has not."""
        subscription = loaded.subscription
        try:
            target = open_target(self._telling.ring, subscription.uuid, subscription.value)
            await self._telling.ways[subscription.way].send(target, loaded.notice, loaded.now)
        except CannotOpen:
            return NotSent("the key that it is sealed with is missing here")
        except NotSent as why:
            return why
        return None

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: Loaded,
        result: NotSent | None,
        now: datetime,
    ) -> Applied:
        uuid, tries = loaded.subscription.uuid, loaded.tries
        if result is None:
            await subscriptions.sent(connection, uuid, now)
            _log.info(LogEvent.NOTICE_SENT, **loaded.names)
            return Completed()
        await subscriptions.failed(connection, uuid, str(result), now)
        since = tries.since or now
        if result.is_final or now - since >= self._telling.keep_trying:
            _log.warning(LogEvent.NOTICE_GIVEN_UP, why=str(result), **loaded.names)
            return Failed()
        _log.info(LogEvent.NOTICE_NOT_SENT, why=str(result), **loaded.names)
        again = msgspec.structs.replace(tries, number=tries.number + 1, since=since)
        wait = growing(tries.number, _FIRST_WAIT, _LONGEST_WAIT)
        return PutBack(now + wait, msgspec.to_builtins(again))

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        tries = msgspec.convert(step.payload, Tries)
        await subscriptions.failed(connection, tries.subscription, str(error), now)
        session = await sessions.by_uuid(connection, tries.session)
        _log.warning(LogEvent.NOTICE_GIVEN_UP, why=str(error), **_names(tries, session))
        return Failed()

    def _notice(self, step: LeasedStep, told: Told, course: Course, time: datetime) -> Notice:
        text = sentence(told, course)
        url = f"{self._telling.base_url}/sessions/{course.uuid}"
        called = course.name or str(course.uuid)
        return Notice(
            id=step.uuid.hex,
            type=f"session.{told.value}",
            time=time,
            subject=f"{called}: {told.value.replace('-', ' ')}",
            text=f"{text}\n\n{called}\n{url}\n",
            values={
                "session": str(course.uuid),
                "url": url,
                "name": course.name,
                "phase": course.phase.value,
                "started": course.started,
                "ends": course.ends,
                "text": text,
            },
        )


def _course(session: StoredSession) -> Course:
    meta = session.document.meta
    return Course(
        uuid=session.uuid,
        name=session.name or (meta.name if meta else None),
        phase=session.phase,
        terms=session.terms,
        started=session.started,
        ends=session.ends,
        ended=session.ended,
        why=session.messages[-1].message if session.messages else None,
    )


def _names(tries: Tries, session: StoredSession | None) -> dict[str, str]:
    """What every line about a notice has, as those about a session have it."""
    names = {
        "subscription": str(tries.subscription),
        "session": str(tries.session),
        "told": tries.told.value,
    }
    if session is not None:
        names |= {"owner": session.owner, "platform": session.place}
    return names
