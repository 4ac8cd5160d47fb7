"""Finds plugins by their entry points. Built-ins are found the same way as anybody else's.

A plugin that cannot be used is a finding and no error: it stops nobody but those who ask for it.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

import msgspec

from execution_broker.domain.errors import ConfigurationError
from execution_broker.ports.data import DataKind, Transfer
from execution_broker.ports.platform import Platform

Group = Literal["platforms", "data_kinds", "transfers"]
GROUPS: Final[Mapping[Group, type]] = {
    "platforms": Platform,
    "data_kinds": DataKind,
    "transfers": Transfer,
}
"""The three open doors, with what a plugin behind each must be."""


SERVING: Final[tuple[Group, ...]] = ("data_kinds", "transfers")
"""The doors whose plugins are found by what they serve, not by their names."""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin that is installed. `loaded` is its class where there is no `problem`."""

    group: Group
    name: str
    package: str
    version: str
    loaded: type[Any] | None = None
    problem: str = ""

    @property
    def serves(self) -> tuple[str, ...]:
        """The URL schemes or the kind of data that it is for; nothing while it cannot be used."""
        if self.loaded is None or self.group not in SERVING:
            return ()
        found = self.loaded.schemes if self.group == "transfers" else {self.loaded.kind}
        return tuple(sorted(found))


def installed(group: Group) -> list[Installed]:
    """Every plugin of a group, loaded, the broken ones too, by name."""
    found = sorted(entry_points(group=f"execution_broker.{group}"), key=lambda one: one.name)
    names = [one.name for one in found]
    return [_load(group, one, shared=names.count(one.name) > 1) for one in found]


def plugins(group: Group) -> dict[str, type[Any]]:
    """Every plugin of a group that can be used, by its entry-point name."""
    return {one.name: one.loaded for one in installed(group) if one.loaded is not None}


def servers(group: Group) -> dict[str, tuple[str, ...]]:
    """Every URL scheme or kind of data that is served, with the names of all that could."""
    found: dict[str, tuple[str, ...]] = {}
    for one in installed(group):
        for what in one.serves:
            found[what] = (*found.get(what, ()), one.name)
    return found


def plugin(group: Group, name: str) -> type[Any]:
    """One plugin. ConfigurationError says why it cannot be used, or which are installed."""
    found = installed(group)
    for one in found:
        if one.name == name and one.loaded is not None:
            return one.loaded
        if one.name == name:
            raise ConfigurationError(
                f"The plugin {name} of the {group} cannot be used: {one.problem}.",
                f"Repair or remove the package {one.package}; `broker plugins` lists them all.",
            )
    known = ", ".join(dict.fromkeys(one.name for one in found))
    raise ConfigurationError(
        f"There is no plugin {name} among the {group}.",
        f"Installed are: {known}. Install the package that has it, or correct the name.",
    )


def _load(group: Group, found: EntryPoint, *, shared: bool) -> Installed:
    package, version = (found.dist.name, found.dist.version) if found.dist else ("?", "?")
    loaded: type[Any] | None = None
    if shared:
        problem = "another package has a plugin of this name; remove one of them"
    else:
        try:
            loaded = found.load()
            problem = _problem(group, loaded)
        except Exception as error:  # an import runs whatever its author wrote
            problem = f"loading it fails: {type(error).__name__}: {error}"
    return Installed(
        group=group,
        name=found.name,
        package=package,
        version=version,
        loaded=None if problem else loaded,
        problem=problem.rstrip("."),
    )


def _problem(group: Group, loaded: Any) -> str:
    """What keeps it from being a plugin of this group, as far as a look can tell."""
    if not isinstance(loaded, type):
        return "it is no class"
    config = getattr(loaded, "Config", None)
    if not (isinstance(config, type) and issubclass(config, msgspec.Struct)):
        return "it has no Config, a msgspec.Struct with its keys"
    if not config.__struct_config__.forbid_unknown_fields:
        return "its Config takes keys that it does not know; set forbid_unknown_fields"
    methods = [name for name, door in vars(GROUPS[group]).items() if _is_method(name, door)]
    missing = [name for name in methods if not callable(getattr(loaded, name, None))]
    if missing:
        return f"it has no {', '.join(missing)}"
    if group == "data_kinds" and not isinstance(getattr(loaded, "kind", None), str):
        return "it has no kind"
    if group == "transfers" and not getattr(loaded, "schemes", None):
        return "it has no schemes"
    return ""


def _is_method(name: str, door: object) -> bool:
    return not name.startswith("_") and callable(door)
