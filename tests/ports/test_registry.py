"""Plugins are found by their entry points; what is wrong with one is nobody else's trouble."""

import pytest

from execution_broker import config
from execution_broker.domain.errors import ConfigurationError
from execution_broker.factory.parts import make_plugins
from execution_broker.models import kinds
from execution_broker.ports import registry
from tests.harness.packages import Packages

GOOD = """
from collections.abc import AsyncIterator
import msgspec

class Config(msgspec.Struct, forbid_unknown_fields=True):
    depth: int = 1

class Plugin:
    schemes = frozenset({"moon"})
    Config = Config
    def __init__(self, config): ...
    async def look(self, source): ...
    def read(self, source): ...
    async def close(self): ...
"""


def test_anybodys_plugin_is_found_like_ours(packages: Packages) -> None:
    packages.add("lunar", "transfers", "moon", GOOD)
    (moon,) = [one for one in registry.installed("transfers") if one.name == "moon"]
    assert (moon.package, moon.version, moon.problem) == ("lunar", "1.2", "")
    assert registry.plugin("transfers", "moon") is moon.loaded
    assert registry.plugins("transfers").keys() >= {"file", "http", "moon"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError"),
        ("this is no Python", "SyntaxError"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("", "AttributeError"),
        ("Plugin = 1", "it is no class"),
        ("class Plugin: ...", "it has no Config"),
        (GOOD.replace(", forbid_unknown_fields=True", ""), "takes keys that it does not know"),
        (GOOD.replace("def look", "def peek").replace("def close", "def end"), "no look, close"),
        (GOOD.replace('{"moon"}', ""), "it has no schemes"),
    ],
)
def test_a_broken_plugin_stops_only_those_who_ask_for_it(
    packages: Packages, source: str, problem: str
) -> None:
    packages.add("broken", "transfers", "moon", source)
    (moon,) = [one for one in registry.installed("transfers") if one.name == "moon"]
    assert problem in moon.problem
    assert moon.loaded is None
    assert "moon" not in registry.plugins("transfers")
    assert config.load_values({"data_directory": "/x"}).transfers.keys() >= {"file", "http"}
    with pytest.raises(ConfigurationError, match=r"transfers\.moon: .* broken"):
        config.load_values({"data_directory": "/x", "transfers": {"moon": {}}})


def test_a_kind_of_data_has_a_kind(packages: Packages) -> None:
    source = (
        "class Plugin:\n    from lunar_config import Config\n    async def locate(self, x): ..."
    )
    packages.add("lunar_config", "data_kinds", "other", GOOD)
    packages.add("lunar", "data_kinds", "moon", source)
    problems = {one.name: one.problem for one in registry.installed("data_kinds")}
    assert problems["moon"] == "it has no kind"
    assert problems["other"] == "it has no locate"
    assert problems["simple"] == ""


def test_of_two_plugins_with_one_name_neither_is_taken(packages: Packages) -> None:
    packages.add("lunar", "transfers", "moon", GOOD)
    packages.add("selene", "transfers", "moon", GOOD)
    with pytest.raises(ConfigurationError, match="another package has a plugin of this name"):
        registry.plugin("transfers", "moon")


def test_of_two_plugins_for_one_scheme_the_chosen_one_serves_it(packages: Packages) -> None:
    packages.add("lunar", "transfers", "moon", GOOD.replace('"moon"', '"moon", "https"'))
    values = {"data_directory": "/x"}
    with pytest.raises(ConfigurationError, match="https could be served by http and moon"):
        config.load_values(dict(values))
    for name in ("moon", "http"):
        chosen = {"plugins": {"serves": {"https": name}}}
        settings = config.load_values({**values, **chosen})
        assert settings.serving["transfers"] == {
            "file": "file",
            "http": "http",
            "https": name,
            "moon": "moon",
        }
        kinds, transfers = make_plugins(settings)
        assert type(transfers["https"]) is registry.plugin("transfers", name)
        assert transfers["moon"] is not transfers["http"]
        assert list(kinds) == list(settings.serving["data_kinds"])


def test_of_two_plugins_for_one_kind_of_data_the_chosen_one_serves_it(packages: Packages) -> None:
    source = GOOD.replace("async def look", "async def locate")
    packages.add("lunar", "data_kinds", "moon", source + f"    kind = {kinds.SIMPLE_DATA!r}")
    with pytest.raises(ConfigurationError, match="could be served by moon and simple"):
        config.load_values({"data_directory": "/x"})
    chosen = {"plugins": {"serves": {kinds.SIMPLE_DATA: "moon"}}}
    settings = config.load_values({"data_directory": "/x", **chosen})
    made, _ = make_plugins(settings)
    assert type(made[kinds.SIMPLE_DATA]) is registry.plugin("data_kinds", "moon")


def test_a_choice_that_is_none_is_refused() -> None:
    for what in ("https", "gopher"):
        with pytest.raises(ConfigurationError, match=f"file does not serve {what}"):
            config.load_values({"data_directory": "/x", "plugins": {"serves": {what: "file"}}})


def test_what_is_not_installed_is_answered_with_what_is() -> None:
    with pytest.raises(ConfigurationError, match=r"Installed are: .*local"):
        registry.plugin("platforms", "moon")
