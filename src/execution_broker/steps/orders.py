"""Loads a session and makes the order for one of its components."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

import msgspec

from execution_broker.domain.changing import amended
from execution_broker.domain.demand import COMPUTE, EXECUTABLE
from execution_broker.domain.plan import StepKind
from execution_broker.models.component import LifecycleComponent
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import DataBase
from execution_broker.ports.platform import Order, Platform
from execution_broker.steps.base import World
from execution_broker.steps.learning import Begun, begun
from execution_broker.steps.progress import ProgressKeeper
from execution_broker.steps.rooms import Room, room_of_executable, room_of_storage, storage_of
from execution_broker.steps.secrets import Sealed, load_secrets
from execution_broker.storage import outside
from execution_broker.storage.batch import Batch
from execution_broker.storage.records import LeasedStep, StoredSession

OUTPUTS = "outputs"
_LISTENING = frozenset({StepKind.WATCH, StepKind.COLLECT})
"""The kinds that ask for what was printed."""


class Loaded(msgspec.Struct, frozen=True):
    """A session as it was, and what to ask of its platform. `seen`: known bytes of streams.
    `left`: how long until it must be over. `sealed`: the secrets that the order lacks."""

    session: StoredSession
    order: Order
    platform: Platform
    progress: ProgressKeeper
    seen: dict[str, int]
    begun: Begun
    left: timedelta
    sealed: Sealed | None


async def session_of(connection: Batch, step: LeasedStep) -> StoredSession:
    """The session of a step. Whoever carries the step has locked it first of all (S11)."""
    assert step.session is not None
    return await connection.session(step.session)


async def load_order(
    connection: Batch, world: World, step: LeasedStep, session: StoredSession, now: datetime
) -> Loaded:
    """The order for the component of a step. `outputs` and `compute` share the compute's."""
    key = COMPUTE if step.component in (None, OUTPUTS) else step.component
    assert key is not None
    progress = ProgressKeeper(world.database, session.id, key)
    document = amended(session.document, session.terms)
    order = Order(
        session=session.uuid,
        owner=session.owner,
        name=external_name(session, key),
        key=key,
        component=component_of(document, key),
        document=document,
        handles={k: c.handle for k, c in session.components.items() if c.handle is not None},
        facts=dict(session.facts),
        outputs=session.terms.outputs,
        now=now,
        ends=session.ends or _planned_end(session),
        stage=world.stage.within(_room(world, key, document, session)),
        progress=progress,
    )
    platform = world.platforms[session.platform]
    seen = await outside.seen(connection, session.id) if step.kind in _LISTENING else {}
    return Loaded(
        session=session,
        order=order,
        platform=platform,
        progress=progress,
        seen=seen,
        begun=await begun(connection, step, session, now),
        left=max((order.ends or now) - now, timedelta()),
        sealed=await load_secrets(connection, session, step.kind, key),
    )


def external_name(session: StoredSession, key: str) -> str:
    """The name of a component outside: the same for every step and repetition (S2)."""
    return _external_name(session.components[key].uuid)


@lru_cache(maxsize=1024)
def _external_name(component: UUID) -> str:
    return str(uuid5(component, "external"))


def component_of(document: ExecutionSession, key: str) -> LifecycleComponent:
    """The wire struct of a component: `executable`, `compute`, `storage/0`, `data/0`."""
    found: Any
    if key == EXECUTABLE:
        found = document.executable
    elif key == COMPUTE:
        found = document.compute
    else:
        kind, _, index = key.partition("/")
        found = {"storage": document.storage, "data": document.data}[kind][int(index)]
    assert isinstance(found, LifecycleComponent)
    return found


def _room(
    world: World, key: str, document: ExecutionSession, session: StoredSession
) -> Room | None:
    """How much a component may stage."""
    if key == EXECUTABLE:
        return room_of_executable(world.executable_size)
    component = component_of(document, key)
    index = storage_of(component, document) if isinstance(component, DataBase) else None
    return None if index is None else room_of_storage(session.terms.storage[index])


def _planned_end(session: StoredSession) -> datetime | None:
    if session.accepted is None:
        return None
    seconds = session.terms.start + session.terms.duration
    return datetime.fromtimestamp(seconds, session.accepted.tzinfo)
