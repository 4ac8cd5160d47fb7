"""The sections of plugins: each is what its plugin's own struct says."""

from collections.abc import Mapping
from typing import Any, Final

from execution_broker.config.converting import Collector, convert
from execution_broker.domain.capability import SiteRules
from execution_broker.domain.errors import ConfigurationError
from execution_broker.ports import registry

_SITE_KEYS: Final = frozenset(SiteRules.__struct_fields__)


def platform(name: str, section: Mapping[str, Any]) -> tuple[str, Any]:
    """`plugin` names the entry point; without it the platform's name does."""
    options = {key: value for key, value in section.items() if key not in _SITE_KEYS}
    entry = str(options.pop("plugin", name))
    place = f"platforms.{name}"
    return entry, convert(options, _plugin("platforms", entry, place).Config, place)


def site(name: str, section: Mapping[str, Any]) -> SiteRules:
    """The keys that every platform has. Factors by the hour may stand in a file, as text."""
    found = {key: value for key, value in section.items() if key in _SITE_KEYS}
    for price in found.get("prices", ()):
        if isinstance(price, dict) and isinstance(price.get("by_hour"), str):
            price["by_hour"] = price["by_hour"].replace(",", " ").split()
    rules: SiteRules = convert(found, SiteRules, f"platforms.{name}")
    return rules


def plugin_sections(
    group: registry.Group, sections: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    installed = registry.plugins(group)
    faults = Collector()
    for name in sections:
        if name not in installed:
            faults.of(_plugin, group, name, f"{group}.{name}")
    found = {
        name: faults.of(convert, sections.get(name, {}), loaded.Config, f"{group}.{name}")
        for name, loaded in installed.items()
    }
    faults.settle()
    return found


def serving(chosen: Mapping[str, str]) -> dict[registry.Group, dict[str, str]]:
    """Which plugin serves a URL scheme or a kind of data. `chosen`: where several could.

    ConfigurationError for what several could and nobody chose, and for a choice that is none.
    """
    every = {group: registry.servers(group) for group in registry.SERVING}
    known = {what: names for servers in every.values() for what, names in servers.items()}
    for what, name in chosen.items():
        if name not in known.get(what, ()):
            could = ", ".join(known.get(what, ())) or "no plugin"
            raise ConfigurationError(
                f"plugins.serves: {name} does not serve {what}.", f"{could} does: name that one."
            )
    for what, names in known.items():
        if len(names) > 1 and what not in chosen:
            several = " and ".join(names)
            raise ConfigurationError(
                f"plugins: {what} could be served by {several}.",
                f'Say which it is to be: plugins.serves = {{ "{what}" = "{names[0]}" }}; '
                "`broker plugins` lists what each is for.",
            )
    return {
        group: {what: chosen.get(what, names[0]) for what, names in servers.items()}
        for group, servers in every.items()
    }


def _plugin(group: registry.Group, name: str, place: str) -> type[Any]:
    try:
        return registry.plugin(group, name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error.sentence}", error.remedy) from None
