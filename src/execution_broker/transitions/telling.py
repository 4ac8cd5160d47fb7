"""The lines of the log that tell of a session: who runs what, where, and how it has ended.

They are written once what they tell of is committed, and name no secret: documents have none.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.simulation import locations
from execution_broker.models.kinds import short
from execution_broker.storage.records import StoredOfferSet, StoredSession

_log = structlog.get_logger()


def tell_answered(answer: StoredOfferSet, offers: Sequence[StoredSession], identity: str) -> None:
    """`reasons`: the kinds of messages that say why there is none."""
    meta = answer.document.meta
    said = meta.messages if meta else ()
    _log.info(
        LogEvent.OFFERS_ANSWERED,
        offerset=str(answer.uuid),
        identity=identity,
        result=answer.document.result,
        offers=len(offers),
        platforms=sorted({one.place for one in offers}),
        reasons=[] if offers else sorted({_word(one.kind) for one in said}),
    )


def tell_accepted(session: StoredSession) -> None:
    executable = session.document.executable
    assert executable is not None
    _log.info(
        LogEvent.SESSION_ACCEPTED,
        session=str(session.uuid),
        owner=session.owner,
        platform=session.place,
        runs=short(str(executable.__struct_config__.tag)),
        location=" ".join(locations(executable)),
        duration=session.terms.duration,
    )


def tell_started(session: StoredSession) -> None:
    _log.info(
        LogEvent.SESSION_STARTED,
        session=str(session.uuid),
        owner=session.owner,
        platform=session.place,
    )


def tell_ended(session: StoredSession, now: datetime) -> None:
    """`seconds`: for how long it ran. `reasons`: the kinds of its messages that are errors."""
    ran = None if session.started is None else (now - session.started).total_seconds()
    wrong = (one.kind for one in session.messages if one.level == "ERROR")
    _log.info(
        LogEvent.SESSION_ENDED,
        session=str(session.uuid),
        owner=session.owner,
        platform=session.place,
        phase=session.phase.value,
        seconds=ran,
        reasons=sorted({_word(kind) for kind in wrong}),
    )


def _word(kind: str) -> str:
    return kind.rpartition(":")[2]
