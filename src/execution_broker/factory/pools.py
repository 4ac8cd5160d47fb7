"""What each pool of a worker takes (S8)."""

from typing import Final, NamedTuple

from execution_broker.config import Worker
from execution_broker.domain.plan import StepKind

_BRIEF: Final = frozenset({StepKind.BEGIN, StepKind.END, StepKind.FINISH})
"""Kinds of a session's steps that do nothing outside: many are done in one transaction (S3)."""
_BEGINS: Final = frozenset({StepKind.BEGIN})
"""Brief, too, but what it wakes needs places: none is begun before there is one."""


class PoolPlan(NamedTuple):
    """What one pool takes; with `batch` its kinds are brief, and so many are done together."""

    kinds: frozenset[StepKind]
    concurrency: int
    batch: int = 0


def plan_pools(section: Worker, kinds: frozenset[StepKind]) -> tuple[PoolPlan, ...]:
    """The configured pools, one of what begins sessions, one of what else is brief, and one of all
    other kinds."""
    words = {kind.word: kind for kind in kinds if not section.kinds or kind.word in section.kinds}
    pools = [
        PoolPlan(frozenset(words[word] for word in pool.kinds if word in words), pool.concurrency)
        for pool in section.pools.values()
    ]
    rest = frozenset(words.values()).difference(*(pool.kinds for pool in pools))
    pools += [
        PoolPlan(rest & _BEGINS, section.concurrency, section.batch),
        PoolPlan(rest & _BRIEF - _BEGINS, section.concurrency, section.batch),
        PoolPlan(rest - _BRIEF, section.concurrency),
    ]
    return tuple(pool for pool in pools if pool.kinds)
