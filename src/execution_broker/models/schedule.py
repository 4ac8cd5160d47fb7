"""Schedules: what was asked for, and what is planned for a session and its components.

Instants, intervals and durations are ISO 8601 text here; `domain.iso8601` reads and writes them.
"""

from execution_broker.models.base import Wire


class RequestedScheduleItem(Wire, frozen=True):
    """`start`: the interval in which the session may start. `duration`: the least it must last."""

    duration: str | None = None
    start: str | None = None


class RequestedSchedule(Wire, frozen=True):
    requested: RequestedScheduleItem | None = None


class InstantSpan(Wire, frozen=True):
    """A part of a schedule that begins at one instant."""

    start: str | None = None
    duration: str | None = None


class IntervalSpan(Wire, frozen=True):
    """A part of a schedule that begins somewhere in an interval."""

    start: str | None = None
    duration: str | None = None


class Schedule(Wire, frozen=True):
    """When a session or component is prepared, is available, and is released."""

    preparing: InstantSpan | None = None
    available: IntervalSpan | None = None
    releasing: InstantSpan | None = None
