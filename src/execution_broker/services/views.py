"""What a reader sees of an offer set or a session: the document with its living parts.

Nothing here changes anything: expiry is a fact of time, and every reader derives the same.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from hashlib import blake2s
from typing import Final, NamedTuple, TypeVar, assert_never

import msgspec

from execution_broker.domain import changing, messages
from execution_broker.domain.composition import reschedule
from execution_broker.domain.demand import COMPUTE, EXECUTABLE, data_key, storage_key
from execution_broker.domain.errors import Conflict
from execution_broker.domain.identity import Caller
from execution_broker.domain.lifecycle import SESSION_ENDS
from execution_broker.domain.negotiation.telling import public
from execution_broker.models.component import LifecycleComponent, Metadata
from execution_broker.models.executable import DockerContainer, Executable
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.message import (
    DeltaOption,
    EnumOption,
    IntegerOption,
    Message,
    Option,
    StringOption,
)
from execution_broker.models.phases import ComponentPhase, SessionPhase
from execution_broker.sealing import KeyRing
from execution_broker.storage.records import LockedOffer, StoredOfferSet, StoredSession
from execution_broker.transitions.sealed import open_connectors

L = TypeVar("L", bound=LifecycleComponent)

_ANSWERS: Final = (EnumOption(path="phase", values=("ACCEPTED", "REJECTED", "CANCELLED")),)
_CANCEL: Final = (EnumOption(path="phase", values=("CANCELLED",)),)


class Viewing(NamedTuple):
    """How things are shown: where this service is, whether anybody may read, and the keys to what
    is sealed."""

    base_url: str
    public: bool
    ring: KeyRing


class Audience(StrEnum):
    """Who a view is for: all of one audience see the same."""

    OWNER = "owner"
    """The owner, and whoever administers the broker."""

    PUBLIC = "public"


class View(msgspec.Struct, frozen=True):
    """A session as its reader sees it, and the entity tag of that view.

    The tag is `basis.rest`. The basis changes with what somebody decides upon who changes the
    session: its phase, its promise, its name and description. The rest changes with all else:
    steps that end, messages, progress. Time and other sessions change neither, though the bounds of
    its options are as at `now`: else a busy platform would wake everybody who waits.
    """

    session: ExecutionSession
    etag: str


class OffersView(NamedTuple):
    """An answer as its reader sees it. Its tag changes with those of its offers."""

    offers: OfferSetResponse
    etag: str


def view_session(
    stored: StoredSession, reader: Caller | None, now: datetime, viewing: Viewing
) -> View:
    """A session for this reader."""
    return view_for(stored, audience(stored.identity, reader), now, viewing)


def view_for(stored: StoredSession, reader: Audience, now: datetime, viewing: Viewing) -> View:
    """A session for those readers, with its tag."""
    phase = phase_now(stored, now)
    derived = 1 if phase is not stored.phase else 0
    progress = sum(c.progress.done for c in stored.components.values() if c.progress)
    rest = f"{stored.events + derived}-{progress}-{reader}"
    return View(_shown(stored, reader, now, viewing), f"{_basis(stored, phase)}.{rest}")


def _shown(
    stored: StoredSession, reader: Audience, now: datetime, viewing: Viewing
) -> ExecutionSession:
    """A session for those readers. What could let somebody in is for the owner alone."""
    phase = phase_now(stored, now)
    owns = reader is Audience.OWNER
    document = changing.amended(stored.document, stored.terms)
    if stored.accepted is not None or document is not stored.document:
        document = reschedule(document, stored.terms, stored.plan())
    executable = document.executable if owns else _public(document.executable)
    return msgspec.structs.replace(
        document,
        meta=_metadata(stored, phase, viewing.base_url, options(stored, now) if owns else ()),
        phase=phase,
        expires=stored.expires if phase is SessionPhase.OFFERED else None,
        executable=executable and _living(stored, executable, EXECUTABLE),
        compute=document.compute and _living(stored, document.compute, COMPUTE),
        storage=tuple(
            _living(stored, part, storage_key(i)) for i, part in enumerate(document.storage)
        ),
        data=tuple(_living(stored, part, data_key(i)) for i, part in enumerate(document.data)),
        connectors=open_connectors(viewing.ring, stored) if owns else (),
    )


def basis(etag: str) -> str:
    """What of a view's tag an update depends on."""
    return etag.partition(".")[0]


def view_offerset(
    stored: StoredOfferSet,
    offers: list[StoredSession],
    reader: Caller | None,
    now: datetime,
    viewing: Viewing,
) -> OfferSetResponse:
    """An answer for this reader, with its offers as they are now."""
    sees = audience(stored.identity, reader)
    shown = [_shown(offer, sees, now, viewing) for offer in offers]
    return _with_offers(stored, shown, sees, viewing.base_url)


def view_offers_for(
    stored: StoredOfferSet,
    offers: list[StoredSession],
    reader: Audience,
    now: datetime,
    viewing: Viewing,
) -> OffersView:
    """An answer for those readers, with its offers as they are now, and its tag."""
    views = [view_for(offer, reader, now, viewing) for offer in offers]
    shown = _with_offers(stored, [view.session for view in views], reader, viewing.base_url)
    return OffersView(shown, _digest([reader, *(view.etag for view in views)]))


def _with_offers(
    stored: StoredOfferSet, offers: Iterable[ExecutionSession], reader: Audience, base_url: str
) -> OfferSetResponse:
    meta = stored.document.meta or Metadata()
    meta = msgspec.structs.replace(
        meta,
        messages=meta.messages if reader is Audience.OWNER else public(meta.messages),
        uuid=str(stored.uuid),
        url=f"{base_url}/offersets/{stored.uuid}",
        created=stored.created,
        modified=stored.created,
    )
    return msgspec.structs.replace(stored.document, meta=meta, offers=tuple(offers))


def phase_now(stored: LockedOffer, now: datetime) -> SessionPhase:
    """The phase at this instant: an offer past its expiry is EXPIRED, swept or not."""
    if stored.phase is SessionPhase.OFFERED and now >= stored.expires:
        return SessionPhase.EXPIRED
    return stored.phase


def may_see_all(identity: int, reader: Caller | None) -> bool:
    """Whether this reader owns what this identity made, or administers the broker."""
    return reader is not None and (reader.key == identity or reader.is_administrator)


def audience(identity: int, reader: Caller | None) -> Audience:
    """To whom this reader belongs of those who look at what this identity made."""
    return Audience.OWNER if may_see_all(identity, reader) else Audience.PUBLIC


def options(stored: StoredSession, now: datetime) -> tuple[Option, ...]:
    """What the owner may do now: answer or cancel, change amounts as far as there is room where
    that was found out, rename."""
    phase = phase_now(stored, now)
    bounds = changing.changeable(
        phase, stored.terms, stored.platform_capability(), elapsed(stored, now), stored.room
    )
    return (*_answers(phase), *changing.options(bounds), *changing.text_options(phase))


def elapsed(stored: StoredSession, now: datetime) -> int:
    """How much of its time is gone, in whole seconds; all of it, once that is over."""
    if stored.ends is None:
        return 0
    return max(0, stored.terms.duration - math.ceil((stored.ends - now).total_seconds()))


def refusal(stored: StoredSession, now: datetime, what: str) -> Conflict:
    """That something is not possible now, and what is."""
    possible = [_in_words(option) for option in options(stored, now)]
    remedy = f"Possible now: {'; '.join(possible)}." if possible else "Nothing can be changed now."
    phase = phase_now(stored, now)
    return Conflict(f"The session {stored.uuid} is {phase} and cannot be {what}.", remedy)


def _in_words(option: Option) -> str:
    match option:
        case EnumOption():
            return f"{option.path} = {', '.join(option.values)}"
        case IntegerOption():
            return f"{option.path} from {option.min} to {option.max} {option.units}"
        case DeltaOption():
            return f"{option.path} by {option.min} to {option.max} {option.units}"
        case StringOption():
            return f"{option.path} = text"
        case _ as never:
            assert_never(never)


def _answers(phase: SessionPhase) -> tuple[Option, ...]:
    match phase:
        case SessionPhase.OFFERED:
            return _ANSWERS
        case (
            SessionPhase.INITIAL
            | SessionPhase.ACCEPTED
            | SessionPhase.WAITING
            | SessionPhase.PREPARING
            | SessionPhase.AVAILABLE
            | SessionPhase.RUNNING
            | SessionPhase.RELEASING
        ):
            return _CANCEL
        case (
            SessionPhase.REJECTED
            | SessionPhase.EXPIRED
            | SessionPhase.COMPLETED
            | SessionPhase.FAILED
            | SessionPhase.CANCELLED
        ):
            assert phase in SESSION_ENDS
            return ()
        case _ as never:
            assert_never(never)


def _basis(stored: StoredSession, phase: SessionPhase) -> str:
    decided = (phase, stored.terms, stored.name, stored.description)
    return _digest(decided)


def _digest(value: object) -> str:
    return blake2s(msgspec.msgpack.encode(value), digest_size=8).hexdigest()


def _metadata(
    stored: StoredSession,
    phase: SessionPhase,
    base_url: str,
    allowed: tuple[Option, ...],
) -> Metadata:
    expired = phase is not stored.phase
    meta = stored.document.meta or Metadata()
    return msgspec.structs.replace(
        meta,
        name=meta.name if stored.name is None else stored.name,
        description=meta.description if stored.description is None else stored.description,
        uuid=str(stored.uuid),
        url=f"{base_url}/sessions/{stored.uuid}",
        created=stored.created,
        modified=stored.expires if expired else stored.modified,
        messages=tuple(stored.messages),
        options=allowed,
    )


def _public(executable: Executable | None) -> Executable | None:
    """An executable without what may be secret: the values of its environment."""
    if isinstance(executable, DockerContainer):
        return msgspec.structs.replace(executable, environment={})
    return executable


def _living(stored: StoredSession, component: L, key: str) -> L:
    living = stored.components.get(key)
    if living is None:  # it has not begun
        return msgspec.structs.replace(component, phase=ComponentPhase.INITIALIZING)
    said: list[Message] = list(living.messages)
    if living.progress is not None:
        now = living.progress
        total = "?" if now.total is None else now.total
        said.append(messages.PROGRESS(done=now.done, total=total, units=now.units))
    meta = msgspec.structs.replace(component.meta or Metadata(), messages=tuple(said))
    return msgspec.structs.replace(component, phase=living.phase, meta=meta)
