"""What is installed behind the three open doors."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final, get_args

import msgspec
from rich.table import Table

from execution_broker.cli.rendering.words import plain
from execution_broker.models import kinds
from execution_broker.ports import registry


class Plugin(msgspec.Struct, frozen=True):
    """One plugin. `about` says what it is for, or why it cannot be loaded."""

    group: str
    name: str
    package: str
    about: str
    loads: bool


_GROUPS: Final[tuple[registry.Group, ...]] = get_args(registry.Group)


def installed() -> list[Plugin]:
    """Every plugin, the broken ones too, by group and name."""
    return [
        _plugin(group, found)
        for group in _GROUPS
        for found in sorted(entry_points(group=f"execution_broker.{group}"), key=lambda e: e.name)
    ]


def table(plugins: list[Plugin]) -> Table:
    shown = Table("group", "name", "package", "for", box=None, header_style="bold")
    for plugin in plugins:
        style = None if plugin.loads else "red"
        shown.add_row(
            plugin.group,
            plain(plugin.name),
            plain(plugin.package),
            plain(plugin.about),
            style=style,
        )
    return shown


def _plugin(group: registry.Group, found: EntryPoint) -> Plugin:
    package = f"{found.dist.name} {found.dist.version}" if found.dist else "?"
    try:
        loaded = registry.plugin(group, found.name)
    except (ImportError, AttributeError) as error:
        return Plugin(group, found.name, package, f"cannot be loaded: {error}", loads=False)
    return Plugin(group, found.name, package, _about(loaded), loads=True)


def _about(loaded: type) -> str:
    """The kind or the schemes that it says it is for, else the first line of its words."""
    kind, schemes = getattr(loaded, "kind", None), getattr(loaded, "schemes", None)
    if isinstance(kind, str):
        return kinds.short(kind)
    if isinstance(schemes, frozenset):
        return ", ".join(sorted(f"{scheme}:" for scheme in schemes))
    return (loaded.__doc__ or "").strip().partition("\n")[0]
