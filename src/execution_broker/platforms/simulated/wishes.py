"""What a request says of its own simulation, and what its components are."""

import math
from collections.abc import Mapping
from typing import Any, Final, assert_never

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import (
    DockerContainer,
    Executable,
    JupyterNotebook,
    SingularityContainer,
)

_RUN: Final = "SIMULATED_RUN"
_STATUS: Final = "SIMULATED_STATUS"
_FOREVER: Final = "forever"


class Wishes(msgspec.Struct, frozen=True):
    """`seconds` that it runs (infinite: until it is stopped) and the `status` it ends with; None
    is left to the platform."""

    seconds: float | None = None
    status: int | None = None


def wishes_of(executable: Executable) -> Wishes:
    """Permanent when they cannot be read."""
    given = _given(executable)
    return Wishes(_seconds(given.get(_RUN)), _status(given.get(_STATUS)))


def is_interactive(executable: Executable) -> bool:
    return isinstance(executable, JupyterNotebook) and executable.mode != "BATCH"


def _given(executable: Executable) -> Mapping[str, Any]:
    match executable:
        case DockerContainer():
            return executable.environment
        case JupyterNotebook():
            return executable.parameters
        case SingularityContainer():
            return {}
        case _ as never:
            assert_never(never)


def _seconds(value: Any) -> float | None:
    if value is None or value == _FOREVER:
        return None if value is None else math.inf
    seconds = _number(_RUN, value, f"a number of seconds, or {_FOREVER}")
    if not 0 <= seconds < math.inf:
        raise _bad(_RUN, value, "a number of seconds, zero or more")
    return seconds


def _status(value: Any) -> int | None:
    return None if value is None else int(_number(_STATUS, value, "a whole number")) & 0xFF


def _number(name: str, value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _bad(name, value, what) from None
    if not math.isfinite(number):
        raise _bad(name, value, what)
    return number


def _bad(name: str, value: Any, what: str) -> Permanent:
    return Permanent(
        messages.BAD_VALUE(place=name, value=str(value)[:100], reason=f"it must be {what}")
    )
