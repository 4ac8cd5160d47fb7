"""Preparing: storage, data, executable and compute become AVAILABLE."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from execution_broker.domain.errors import OutsideError, Underway
from execution_broker.domain.plan import StepKind
from execution_broker.models.phases import ComponentPhase
from execution_broker.ports.platform import Done, NotYet, Order, Outcome, Platform
from execution_broker.steps.base import (
    Applied,
    Cancelled,
    Completed,
    Failed,
    PutBack,
    World,
    asked_again,
    growing,
    left_alone,
)
from execution_broker.steps.lateness import has_missed, in_time
from execution_broker.steps.learning import learn
from execution_broker.steps.orders import Loaded, load_order, session_of
from execution_broker.steps.secrets import with_secrets
from execution_broker.storage import outside
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep, StoredSession
from execution_broker.transitions.ending import fail
from execution_broker.transitions.living import enter_component, say
from execution_broker.transitions.sealed import seal_connectors

Call = Callable[[Platform, Order], Awaitable[Outcome]]

CALLS: dict[StepKind, Call] = {
    StepKind.PREPARE_STORAGE: lambda platform, order: platform.prepare_storage(order),
    StepKind.PREPARE_DATA: lambda platform, order: platform.prepare_data(order),
    StepKind.PREPARE_EXECUTABLE: lambda platform, order: platform.prepare_executable(order),
    StepKind.PREPARE_COMPUTE: lambda platform, order: platform.prepare_compute(order),
}


class _Underway(NotYet, frozen=True):
    """With a source, or with somebody else, and not with the platform."""


class Prepare:
    """One of the four preparing kinds: they differ in what they ask of the platform."""

    def __init__(self, kind: StepKind, world: World) -> None:
        self.kind = kind
        self._world = world
        self._call = CALLS[kind]

    async def load(self, connection: Batch, step: LeasedStep, now: datetime) -> Loaded | Applied:
        session = await session_of(connection, step)
        if session.ended is not None:
            return Cancelled()
        if await has_missed(connection, session, now):
            return Failed()
        loaded = await load_order(connection, self._world, step, session, now)
        key, name = loaded.order.key, loaded.order.name
        await outside.intend(connection, session.id, session.platform, key, name, now)
        enter_component(session, key, ComponentPhase.PREPARING, now)
        connection.save(session, now)
        return loaded

    async def act(self, loaded: Loaded) -> Outcome:
        async with loaded.progress.storing():
            try:
                call = partial(self._call, loaded.platform)
                calling = with_secrets(self._world.opening, loaded.order, loaded.sealed, call)
                return await in_time(loaded, calling)
            except Underway as error:
                return _Underway((error.message,), error.retry_after)

    async def apply(
        self,
        connection: Batch,
        step: LeasedStep,
        loaded: Loaded,
        result: Outcome,
        now: datetime,
    ) -> Applied:
        session = await session_of(connection, step)
        key = loaded.order.key
        if isinstance(result, NotYet):
            if session.ended is not None:
                return Cancelled()
            session.components[key].progress = loaded.progress.latest
            say_new(session, result, now, key)
            remember(session, result, key)
            if result.handle is not None:
                await outside.made(connection, session.id, key, result.handle, now)
            if await has_missed(connection, session, now):
                return Failed()
            connection.save(session, now)
            if isinstance(result, _Underway):
                wait = max(growing(step.delays), left_alone(result.seconds))
            else:
                wait = asked_again(result.seconds, step.delays)
            due = now + wait
            return PutBack(due, loaded.begun.payload())
        take(self._world, session, result, key, now)
        await outside.made(connection, session.id, key, result.handle, now)
        if session.ended is None:
            session.components[key].progress = None
            enter_component(session, key, ComponentPhase.AVAILABLE, now)
        connection.save(session, now)
        await learn(connection, session, loaded.begun, loaded.progress.latest, now)
        return Completed()

    async def fail(
        self, connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        return await fail_session(connection, step, error, now)


async def fail_session(
    connection: Batch, step: LeasedStep, error: OutsideError, now: datetime
) -> Applied:
    """The step failed for good: so does its component, and its session."""
    session = await session_of(connection, step)
    if session.ended is None:
        await fail(connection, session, error.message, now, step.component)
        connection.save(session, now)
    return Failed()


def take(world: World, session: StoredSession, done: Done, key: str, now: datetime) -> None:
    """Keep what a platform gave back."""
    remember(session, done, key)
    if done.connectors is not None:
        ring = world.opening.ring
        session.connectors = seal_connectors(ring, session.uuid, done.connectors)
    for message in done.messages:
        say(session, message, now, key)


def remember(session: StoredSession, outcome: Outcome, key: str) -> None:
    """Keep what a platform wants to know again. Other components may have been asked for
    meanwhile: what was remembered of them stays."""
    if outcome.handle is not None:
        session.components[key].handle = outcome.handle
    if outcome.facts is not None:
        session.facts = {**session.facts, key: dict(outcome.facts)}


def say_new(session: StoredSession, not_yet: NotYet, now: datetime, key: str) -> None:
    """Messages of something that is asked again and again are said once."""
    said = {message.message for message in session.components[key].messages}
    for message in not_yet.messages:
        if message.message not in said:
            say(session, message, now, key)
