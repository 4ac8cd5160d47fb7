"""What every body is held to, whatever its format."""

from dataclasses import dataclass

from execution_broker.models.secrets import Hiding


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes a body may have, and within how many seconds it has to arrive; and what in it
    is a secret, which goes no further than to where it is sealed."""

    size: int
    seconds: float
    hiding: Hiding
