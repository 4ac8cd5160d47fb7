"""What no type can say of the configuration of a simulated platform, checked."""

from pathlib import Path

from execution_broker.domain.amounts import CORES, MEMORY, further
from execution_broker.domain.errors import ConfigurationError
from execution_broker.platforms.simulated.config import SimulatedConfig


def require_sound(platform: str, config: SimulatedConfig) -> None:
    """ConfigurationError for a result outside of its session, and for what nobody can change."""
    for result in config.results:
        _require_plain(platform, result)
    _require_known(platform, config)


def _require_known(platform: str, config: SimulatedConfig) -> None:
    known = {"duration", CORES, MEMORY, *further(config.capacity)}
    unknown = sorted(config.changeable - known)
    if unknown:
        raise ConfigurationError(
            f"platforms.{platform}.changeable: {unknown[0]} is nothing that can be changed here.",
            f"Known: {', '.join(sorted(known))}.",
        )


def _require_plain(platform: str, file: str) -> None:
    path = Path(file)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ConfigurationError(
            f"platforms.{platform}.results: {file} is no path below a session's results.",
            "Write a relative path without '..'.",
        )
