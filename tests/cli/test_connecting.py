"""Where the broker is, and as whom one speaks to it: by option, by environment, by a file."""

from pathlib import Path

import pytest

from execution_broker.cli import context
from execution_broker.cli.exits import Exit
from tests.harness.command import NOTEBOOK, NOWHERE, Broker


def test_no_server(run: Broker, nobody: str) -> None:
    ended = run("status", NOWHERE, BROKER_URL=nobody)
    assert ended.code == Exit.UNREACHABLE
    assert ended.err.splitlines() == [
        f"Error: No broker answers at {nobody}: nothing listens there.",
        "→ Start one with `broker serve`, or give another address with --url or BROKER_URL.",
    ]


@pytest.mark.parametrize("url", ["nonsense", "http://[::", "ftp://example.org"])
def test_an_address_that_is_none(run: Broker, url: str) -> None:
    ended = run("status", NOWHERE, "--url", url)
    assert ended.code == Exit.USAGE
    assert "http://127.0.0.1:8080" in ended.err


def test_a_wrong_password(run: Broker) -> None:
    ended = run("request", *NOTEBOOK, BROKER_PASSWORD="byron")
    assert ended.code == Exit.NOT_ALLOWED
    assert "--password-file" in ended.err
    assert "byron" not in ended.err


def test_a_password_from_a_file(run: Broker, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("lovelace\n")
    given = ("--user", "ada", "--password-file", str(file))
    assert run("request", *NOTEBOOK, *given, BROKER_PASSWORD=None).code == Exit.DONE
    file.unlink()
    ended = run("request", *NOTEBOOK, *given)
    assert ended.code == Exit.USAGE
    assert "cannot be read" in ended.err


def test_a_name_without_a_password_and_without_a_terminal(run: Broker) -> None:
    ended = run("request", *NOTEBOOK, BROKER_PASSWORD=None)
    assert ended.code == Exit.USAGE
    assert "BROKER_PASSWORD" in ended.err


@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "BROKER__DATA_DIRECTORY"])
def test_the_administrator_of_a_server_on_this_machine_is_found(
    run: Broker, tmp_path: Path, variable: str
) -> None:
    home = tmp_path / "home"
    directory = home / "execution-broker" if variable == "XDG_DATA_HOME" else home
    nobody: dict[str, str | None] = {"BROKER_USER": None, "BROKER_PASSWORD": None}
    assert run("request", *NOTEBOOK, **nobody, **{variable: str(home)}).code == Exit.NOT_ALLOWED
    directory.mkdir(parents=True)
    (directory / "admin-password").write_text("secret\n")
    assert run("request", *NOTEBOOK, **nobody, **{variable: str(home)}).code == Exit.DONE


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://localhost:8080", "secret"),
        ("http://[::1]:9000/below", "secret"),
        ("https://broker.example", None),
        ("http://127.0.0.1.example:8080", None),
        ("http://[::", None),
    ],
)
def test_the_administrator_of_this_machine_is_nobody_elsewhere(
    tmp_path: Path, url: str, found: str | None
) -> None:
    (tmp_path / "admin-password").write_text("secret\n")
    assert context._connection(url, data_directory=tmp_path)[2] == found
