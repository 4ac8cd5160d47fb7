"""Which steps of a session need wait no longer (S7)."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from execution_broker.domain.lifecycle import STEP_ENDS, StepPhase


class Needs(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step waits for. `needs`: keys of steps of its session that must be COMPLETED;
    `after`: of steps that must have ended, in whatever way."""

    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Sleeper(NamedTuple):
    """A step of a session, asleep or not."""

    id: int
    key: str
    phase: StepPhase
    needs: Needs


def awake(steps: Sequence[Sleeper]) -> list[Sleeper]:
    """Of all steps of one session, those that are DORMANT and wait for nothing any more."""
    asleep = [step for step in steps if step.phase is StepPhase.DORMANT]
    if not asleep:
        return []
    completed = {step.key for step in steps if step.phase is StepPhase.COMPLETED}
    ended = {step.key for step in steps if step.phase in STEP_ENDS}
    return [
        step
        for step in asleep
        if completed.issuperset(step.needs.needs) and ended.issuperset(step.needs.after)
    ]
