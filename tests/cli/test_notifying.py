"""`broker notify`: where one is told of one's sessions."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from execution_broker.cli.exits import Exit
from tests.client.fake_broker import FakeBroker
from tests.harness.command import Broker

HOOK = "https://hooks.example.org/broker"


def test_a_secret_that_is_made_is_shown_once(run: Broker) -> None:
    added = run("notify", "add", "--webhook", HOOK, "--about", "ready", "--about", "failed")
    assert added.code == Exit.DONE
    assert ": ready, failed." in added.out
    assert "whsec_made" in added.out
    listed = run("notify", "list")
    assert HOOK in listed.out.replace("\n", "")
    assert "whsec" not in listed.out
    assert "nothing sent yet" in " ".join(listed.out.split())


def test_a_secret_of_one_s_own_is_read_from_a_file_and_not_shown(
    run: Broker, broker: FakeBroker, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_mine\n")
    added = run("notify", "add", "--webhook", HOOK, "--secret-file", str(file))
    assert added.code == Exit.DONE
    assert json.loads(broker.calls[-1].body)["secret"] == "whsec_mine"
    assert "whsec" not in added.out + added.err


def test_mail_is_asked_for(run: Broker) -> None:
    added = run("notify", "add", "--email", "ada@example.org", "--json")
    assert json.loads(added.out)["way"] == "email"
    assert "secret" not in json.loads(added.out)
    for wrong in ((), ("--email", "ada@example.org", "--webhook", HOOK)):
        assert run("notify", "add", *wrong).code == Exit.USAGE


def test_what_came_of_it_is_told(run: Broker, broker: FakeBroker) -> None:
    run("notify", "add", "--email", "ada@example.org")
    failed = datetime(2026, 5, 1, 12, tzinfo=UTC)
    broker.subscriptions = [
        msgspec.structs.replace(one, failed=failed, fault="the mail server answered 451")
        for one in broker.subscriptions
    ]
    assert "the mail server answered 451" in " ".join(run("notify", "list").out.split())


def test_it_is_removed(run: Broker, broker: FakeBroker) -> None:
    uuid = json.loads(run("notify", "add", "--webhook", HOOK, "--json").out)["uuid"]
    assert run("notify", "remove", uuid).code == Exit.DONE
    assert broker.subscriptions == []
    assert run("notify", "remove", uuid).code == Exit.NOT_FOUND
