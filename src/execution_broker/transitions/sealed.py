"""What is sealed of requests and sessions: with the broker's keys, each value for its place."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from execution_broker.domain.probing import Question
from execution_broker.models.execution import Connector
from execution_broker.models.secrets import Secret
from execution_broker.notices.ways import Target
from execution_broker.sealing import KeyRing
from execution_broker.storage.records import Connectors, StoredSession

Secrets = tuple[Secret, ...]

_secrets: Final = msgspec.json.Decoder(Secrets)
_SEALED: Final = "sealed"
_question: Final = msgspec.json.Decoder(Question)
_connectors: Final = msgspec.json.Decoder(tuple[Connector, ...])
_target: Final = msgspec.json.Decoder(Target)


def seal_secrets(ring: KeyRing, answer: UUID, secrets: Mapping[str, Secrets]) -> dict[str, str]:
    """The secrets of a request as they are stored, by component key."""
    return {
        component: ring.seal(msgspec.json.encode(found), _place(answer, component))
        for component, found in secrets.items()
    }


def open_secrets(ring: KeyRing, answer: UUID, component: str, sealed: str) -> Secrets:
    """The secrets of one component. CannotOpen."""
    return _secrets.decode(ring.open(sealed, _place(answer, component)))


def question_key(ring: KeyRing, question: Question) -> str:
    """The key of the step that looks: the same for the same question, and no secret is guessed by
    it."""
    return f"probe:{ring.digests(msgspec.json.encode(question))[0]}"


def seal_question(ring: KeyRing, question: Question) -> dict[str, str]:
    """A question with secrets, as the payload of its step."""
    sealed = ring.seal(msgspec.json.encode(question), question_key(ring, question))
    return {_SEALED: sealed}


def open_question(ring: KeyRing, key: str, payload: Mapping[str, Any]) -> tuple[Question, bool]:
    """The question of a step with this key and payload, and whether it has secrets. CannotOpen."""
    sealed = payload.get(_SEALED)
    if sealed is None:
        return msgspec.convert(payload, Question), False
    return _question.decode(ring.open(sealed, key)), True


def seal_connectors(ring: KeyRing, session: UUID, connectors: Sequence[Connector]) -> Connectors:
    """Connectors as they are stored: a location may let somebody in."""
    if not connectors:
        return []
    return ring.seal(msgspec.json.encode(connectors), _place(session, "connectors"))


def open_connectors(ring: KeyRing, session: StoredSession) -> tuple[Connector, ...]:
    """CannotOpen."""
    if not isinstance(session.connectors, str):
        return tuple(session.connectors)
    return _connectors.decode(ring.open(session.connectors, _place(session.uuid, "connectors")))


def seal_target(ring: KeyRing, subscription: UUID, target: Target) -> str:
    """Where somebody is told, as it is stored: an address may let somebody in."""
    return ring.seal(msgspec.json.encode(target), _place(subscription, "target"))


def open_target(ring: KeyRing, subscription: UUID, sealed: str) -> Target:
    """CannotOpen."""
    return _target.decode(ring.open(sealed, _place(subscription, "target")))


def _place(owner: UUID, part: str) -> str:
    return f"{owner}/{part}"
