"""The commands of operators, as far as they need no server of ours."""

import json
from pathlib import Path

import pytest

from execution_broker import __version__
from execution_broker.cli.exits import Exit
from tests.client.fake_broker import FakeBroker
from tests.harness.command import Broker
from tests.harness.packages import Packages


def test_version(run: Broker) -> None:
    assert __version__ in run("version").out
    assert json.loads(run("version", "--json").out)["version"] == __version__


def test_plugins_of_all_groups_are_listed_alike(run: Broker) -> None:
    found = json.loads(run("plugins", "--json").out)
    by_name = {(plugin["group"], plugin["name"]): plugin for plugin in found}
    assert by_name["transfers", "http"]["about"] == "http:, https:"
    assert by_name["data_kinds", "simple"]["about"] == "simple-data-resource"
    assert "kernel_python" in by_name["platforms", "local"]["keys"]
    shown = run("plugins").out
    for plugin in found:
        assert plugin["problem"] == ""
        assert plugin["name"] in shown
        assert f"{plugin['package']} {plugin['version']}" in shown


def test_a_broken_plugin_is_listed_with_what_is_wrong(run: Broker, packages: Packages) -> None:
    packages.add("torn", "transfers", "torn", "import no_such_module_at_all")
    found = {one["name"]: one for one in json.loads(run("plugins", "--json").out)}
    assert "No module named 'no_such_module_at_all'" in found["torn"]["problem"]
    assert found["torn"]["package"] == "torn"
    assert found["http"]["problem"] == ""
    shown = run("plugins").out
    assert "transfers.torn cannot be used: loading it fails: ModuleNotFoundError" in shown


def test_what_two_plugins_could_serve_is_told_and_refused_until_one_is_chosen(
    run: Broker, packages: Packages
) -> None:
    packages.add("lunar", "transfers", "moon", SERVES_HTTPS)
    found = {one["name"]: one for one in json.loads(run("plugins", "--json").out)}
    assert (found["moon"]["shared"], found["http"]["shared"]) == (["https"], ["https"])
    assert found["file"]["shared"] == []
    shown = run("plugins").out
    assert "https could be served by http and moon: plugins.serves says which does." in shown
    refused = run("config", "check")
    assert refused.code == Exit.USAGE
    assert "https could be served by http and moon" in refused.err
    assert 'plugins.serves = { "https" = "http" }' in refused.err
    doctor = run("doctor")
    assert doctor.code == Exit.FAILED
    assert "https could be served by http and moon" in doctor.out
    assert run("config", "check", BROKER__PLUGINS__SERVES__HTTPS="moon").code == Exit.DONE
    other = run("config", "check", BROKER__PLUGINS__SERVES__HTTPS="file")
    assert "file does not serve https" in other.err


SERVES_HTTPS = """
import msgspec

class Config(msgspec.Struct, forbid_unknown_fields=True): ...

class Plugin:
    schemes = frozenset({"moon", "https"})
    Config = Config
    def __init__(self, config): ...
    async def look(self, source): ...
    def read(self, source): ...
    async def close(self): ...
"""


def test_a_good_configuration_is_shown(run: Broker, tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(
        '[http]\nlisten = "127.0.0.1:9000"\n'
        '[database]\nurl = "postgresql://broker:hidden@db.example/broker"\n'
    )
    ended = run("config", "check", str(file), BROKER__DATA_DIRECTORY=str(tmp_path))
    assert ended.code == Exit.DONE
    assert "127.0.0.1:9000" in ended.out
    assert str(tmp_path) in ended.out
    assert "postgresql://db.example/broker" in ended.out
    assert "hidden" not in ended.out
    shown = json.loads(run("config", "check", str(file), "--json").out)
    assert shown["platforms"] == "local (local), simulated (simulated)"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[http]\nlissten = 1\n", "http.lissten is not a key"),
        ("[worker]\nlease = 0\n", "worker.lease"),
        ("[", "is not TOML"),
        ('[platforms.moon]\nplugin = "moon"\n', "platforms.moon"),
    ],
)
@pytest.mark.parametrize("command", [("config", "check"), ("serve", "--config")])
def test_a_wrong_configuration_names_the_key_and_the_remedy(
    run: Broker, tmp_path: Path, command: tuple[str, ...], content: str, says: str
) -> None:
    file = tmp_path / "broker.toml"
    file.write_text(content)
    ended = run(*command, str(file))
    assert ended.code == Exit.USAGE
    assert says in ended.err
    assert "→" in ended.err


def test_an_identity_is_added_with_a_password_from_a_file(
    run: Broker, broker: FakeBroker, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text("secret\n")
    theirs.write_text("marvin\n")
    add = ("identity", "add", "dave", "--password-file", str(theirs))
    admin = ("--user", "admin", "--admin-password-file", str(ours))
    ended = run(*add, *admin)
    assert ended.code == Exit.DONE
    assert "Added dave" in ended.out
    assert broker.accounts["dave"] == "marvin"
    again = run(*add, *admin)
    assert again.code == Exit.REFUSED
    assert "There is an identity dave already." in again.err
    assert run(*add).code == Exit.NOT_ALLOWED
    assert "marvin" not in ended.out + again.err


def test_an_identity_needs_a_password(run: Broker, broker: FakeBroker) -> None:
    ended = run("identity", "add", "dave", BROKER_USER="admin", BROKER_PASSWORD="secret")
    assert ended.code == Exit.USAGE
    assert "password of dave" in ended.err
    assert broker.calls == []
