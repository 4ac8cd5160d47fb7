"""What the past of a platform teaches about how long things take on it (N4)."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, assert_never

import msgspec

from execution_broker.domain.capability import Capability, Timings

KEPT: Final = 50
"""So many samples of each kind are remembered: what was true long ago is forgotten."""

_ENOUGH: Final = 5
_QUANTILE: Final = 0.9
_LOW_QUANTILE: Final = 0.1
_WORTH_COUNTING: Final = 0.5
_LONGEST: Final = 86_400
_SLOWEST: Final = 1_000
_FASTEST: Final = 1 << 40
_LEAST_BYTES: Final = 1 << 20


class Lesson(StrEnum):
    """What is learned: a field of `Timings`. Samples are in seconds; of throughput, bytes/s."""

    STORAGE = "storage"
    EXECUTABLE_HERE = "executable_here"
    EXECUTABLE_NOT_HERE = "executable_not_here"
    COMPUTE = "compute"
    RELEASE = "release"
    THROUGHPUT = "throughput"


def taught(capability: Capability, samples: Mapping[Lesson, Sequence[float]]) -> Capability:
    """What a platform reported, with what was learned instead of what was configured.

    A lesson with fewer than five samples changes nothing. Of the others a high quantile counts,
    such that at least one sample is worse: a single outlier never decides. A low quantile tells how
    quick it may be.
    """
    enough = {lesson: seen for lesson, seen in samples.items() if len(seen) >= _ENOUGH}
    learned = {
        lesson.value: _estimate(lesson, seen, capability.timings) for lesson, seen in enough.items()
    }
    quick = {lesson.value: _least(lesson, seen) for lesson, seen in enough.items()}
    return msgspec.structs.replace(
        capability,
        timings=msgspec.structs.replace(capability.timings, **learned),
        quickest=msgspec.structs.replace(capability.quickest, **quick),
    )


def throughput(size: int, seconds: float) -> float | None:
    """Bytes/s; None for so few bytes that they only tell how long a connection takes."""
    return None if size < _LEAST_BYTES else size / max(seconds, 0.001)


def _estimate(lesson: Lesson, seen: Sequence[float], configured: Timings) -> int:
    match lesson:
        case Lesson.THROUGHPUT:
            slow = -_high([-one for one in seen])
            return math.floor(min(max(slow, _SLOWEST), _FASTEST))
        case (
            Lesson.STORAGE
            | Lesson.EXECUTABLE_HERE
            | Lesson.EXECUTABLE_NOT_HERE
            | Lesson.COMPUTE
            | Lesson.RELEASE
        ):
            return _whole_seconds(_high(seen), getattr(configured, lesson.value))
        case _ as never:
            assert_never(never)


def _least(lesson: Lesson, seen: Sequence[float]) -> int:
    """Whole seconds, rounded down; of throughput the highest, rounded up."""
    if lesson is Lesson.THROUGHPUT:
        return math.ceil(min(max(_high(seen), _SLOWEST), _FASTEST))
    return math.floor(min(sorted(seen)[math.ceil(_LOW_QUANTILE * (len(seen) - 1))], _LONGEST))


def _high(seen: Sequence[float]) -> float:
    return sorted(seen)[math.floor(_QUANTILE * (len(seen) - 1))]


def _whole_seconds(seconds: float, configured: int) -> int:
    """Rounded up. What is configured to take no time may take a moment, and only then none."""
    if seconds < _WORTH_COUNTING:
        return min(configured, 1)
    return math.ceil(min(seconds, _LONGEST))
