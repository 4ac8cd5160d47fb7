"""What is installed behind the three open doors: built-in or not, it is shown alike."""

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execution_broker.cli.rendering.words import plain
from execution_broker.models import kinds
from execution_broker.ports import registry


class Plugin(msgspec.Struct, frozen=True):
    """One plugin. `about` says what it is for; `problem`, where there is one, why it cannot be
    used; `keys` are those of its section of the configuration. `shared`: what others could serve,
    too, so that the configuration has to say which does."""

    group: str
    name: str
    package: str
    version: str
    about: str
    keys: tuple[str, ...]
    problem: str
    shared: tuple[str, ...] = ()


def installed() -> list[Plugin]:
    """Every plugin, the broken ones too, by group and name."""
    return [
        _plugin(found, registry.servers(group))
        for group in registry.GROUPS
        for found in registry.installed(group)
    ]


def table(plugins: Sequence[Plugin]) -> RenderableType:
    """One line for each plugin; below, what is wrong with those that cannot be used."""
    shown = Table("group", "name", "package", "for", box=None, header_style="bold")
    shown.add_column("keys of its configuration", overflow="fold")
    for one in plugins:
        shown.add_row(
            one.group,
            plain(one.name),
            f"{plain(one.package)} {plain(one.version)}",
            "cannot be used" if one.problem else plain(one.about),
            ", ".join(one.keys) or "none",
            style="red" if one.problem else None,
        )
    broken = [one for one in plugins if one.problem]
    shared = {what: None for one in plugins for what in one.shared}
    return Group(
        shown, *(_fault(one) for one in broken), *(_choice(what, plugins) for what in shared)
    )


def _choice(what: str, plugins: Sequence[Plugin]) -> Text:
    names = " and ".join(plain(one.name) for one in plugins if what in one.shared)
    words = f"{plain(what)} could be served by {names}: plugins.serves says which does."
    return Text(words, style="yellow")


def _fault(plugin: Plugin) -> Text:
    name = f"{plugin.group}.{plugin.name}"
    return Text(f"{plain(name)} cannot be used: {plain(plugin.problem)}.", style="red")


def _plugin(found: registry.Installed, servers: Mapping[str, Sequence[str]]) -> Plugin:
    loaded = found.loaded
    return Plugin(
        group=found.group,
        name=found.name,
        package=found.package,
        version=found.version,
        about=_about(loaded) if loaded else "",
        keys=loaded.Config.__struct_fields__ if loaded else (),
        problem=found.problem,
        shared=tuple(what for what in found.serves if len(servers[what]) > 1),
    )


def _about(loaded: type) -> str:
    """The kind or the schemes that it says it is for, else the first line of its words."""
    kind, schemes = getattr(loaded, "kind", None), getattr(loaded, "schemes", None)
    if isinstance(kind, str):
        return kinds.short(kind)
    if isinstance(schemes, frozenset):
        return ", ".join(sorted(f"{scheme}:" for scheme in schemes))
    return (loaded.__doc__ or "").strip().partition("\n")[0]
