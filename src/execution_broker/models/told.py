"""What owners can be told of their sessions."""

from enum import StrEnum


class Told(StrEnum):
    """Everything that an owner can be told of a session."""

    READY = "ready"
    LATE = "late"
    ENDS_SOON = "ends-soon"
    IDLE = "idle"
    FAILED = "failed"
