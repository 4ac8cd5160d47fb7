"""Idle sessions: a site may have them warned, and may have them come to their end."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.capability import SiteRules
from execution_broker.domain.iso8601 import write_duration
from execution_broker.ports.platform import Life, Observation
from execution_broker.storage.records import StoredSession
from execution_broker.transitions.living import say

_WARNED: Final = "is-warned"


def judged(observation: Observation, site: SiteRules) -> Observation:
    """What was seen, as the site has it: who has been idle for too long has finished."""
    if observation.life is not Life.RUNNING or not 0 < site.idle_end <= observation.idle:
        return observation
    ended = messages.IDLE_ENDED(idle=_shown(site.idle_end))
    return msgspec.structs.replace(
        observation, life=Life.SUCCEEDED, messages=(*observation.messages, ended)
    )


def warn(
    session: StoredSession,
    idle: float,
    site: SiteRules,
    payload: Mapping[str, Any],
    now: datetime,
) -> Mapping[str, Any]:
    """Warn a session that has become idle, once until something is done in it. The payload of the
    step that watches it."""
    is_idle = 0 < site.idle_warning <= idle
    if is_idle and not payload.get(_WARNED):
        then = "What it holds is kept from others: end it if nobody needs it any more."
        if site.idle_end:
            then = f"It is ended after {_shown(site.idle_end)} without any activity."
        say(session, messages.IDLE_WARNING(idle=_shown(site.idle_warning), then=then), now)
    return {_WARNED: True} if is_idle else {}


def _shown(seconds: int) -> str:
    return write_duration(timedelta(seconds=seconds))
