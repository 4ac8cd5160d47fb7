"""What every body is held to, whatever its format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes a body may have, and within how many seconds it has to arrive."""

    size: int
    seconds: float
