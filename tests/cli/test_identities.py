"""`broker identity`: who there is, and what may be changed of them."""

import json
from pathlib import Path

import pytest

from execution_broker.cli.exits import Exit
from tests.client.fake_broker import FakeBroker
from tests.harness.command import Broker

ADMIN = {"BROKER_USER": "admin", "BROKER_PASSWORD": "secret"}


def test_everybody_is_listed(run: Broker, broker: FakeBroker) -> None:
    broker.disabled = {"ada"}
    shown = run("identity", "list", **ADMIN)
    assert shown.code == Exit.DONE
    assert "administrator" in shown.out
    assert "disabled since" in shown.out
    listed = json.loads(run("identity", "list", "--json", **ADMIN).out)
    assert [one["username"] for one in listed] == ["admin", "ada"]
    assert run("identity", "list").code == Exit.NOT_ALLOWED


def test_an_identity_is_disabled_and_enabled(run: Broker, broker: FakeBroker) -> None:
    ended = run("identity", "disable", "ada", **ADMIN)
    assert ended.code == Exit.DONE
    assert ended.out.startswith("ada is a user of this broker, disabled since")
    assert broker.disabled == {"ada"}
    uuid = json.loads(run("identity", "show", "--json").out)["uuid"]
    assert "enabled" in run("identity", "enable", uuid, **ADMIN).out
    assert broker.disabled == set()
    assert run("identity", "enable", "nobody", **ADMIN).code == Exit.NOT_FOUND


def test_a_role_is_given(run: Broker, broker: FakeBroker) -> None:
    assert run("identity", "role", "ada", "administrator", **ADMIN).code == Exit.DONE
    assert b'"role":"administrator"' in broker.calls[-1].body
    assert run("identity", "role", "ada", "king", **ADMIN).code == Exit.USAGE


@pytest.mark.parametrize(("who", "whose"), [([], "ada"), (["admin"], "admin")])
def test_a_password_is_changed(
    run: Broker, broker: FakeBroker, tmp_path: Path, who: list[str], whose: str
) -> None:
    new = tmp_path / "new"
    new.write_text("byron\n")
    given = ADMIN if who else {}
    ended = run("identity", "password", *who, "--new-password-file", str(new), **given)
    assert ended.code == Exit.DONE
    assert broker.accounts[whose] == "byron"
    assert "byron" not in ended.out + ended.err


def test_a_new_password_is_needed(run: Broker, broker: FakeBroker) -> None:
    assert run("identity", "password").code == Exit.USAGE
    assert broker.accounts["ada"] == "lovelace"
