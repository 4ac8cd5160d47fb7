"""Finds plugins by their entry points. Built-ins are found the same way as anybody else's."""

from importlib.metadata import entry_points
from typing import Any, Literal

from execution_broker.domain.errors import ConfigurationError

Group = Literal["platforms", "data_kinds", "transfers"]


def plugins(group: Group) -> dict[str, type[Any]]:
    """Every installed plugin of a group, by its entry-point name, loaded."""
    return {found.name: found.load() for found in entry_points(group=_group(group))}


def plugin(group: Group, name: str) -> type[Any]:
    """One plugin. ConfigurationError names those that are installed."""
    for found in entry_points(group=_group(group), name=name):
        loaded: type[Any] = found.load()
        return loaded
    known = ", ".join(sorted(found.name for found in entry_points(group=_group(group))))
    raise ConfigurationError(
        f"There is no plugin {name} among the {group}.",
        f"Installed are: {known}. Install the package that has it, or correct the name.",
    )


def _group(group: Group) -> str:
    return f"execution_broker.{group}"
