"""Offers that nobody answered: they are told of, and given back together."""

import json

import pytest

from execution_broker.cli.exits import Exit
from tests.cli.lived import Lived, lived
from tests.harness.command import NOTEBOOK, Broker

__all__ = ["lived"]


@pytest.fixture
def nothing_held(lived: Lived) -> Lived:
    assert lived.run("reject", "--all").code == Exit.DONE
    return lived


def held(by: Lived) -> set[str]:
    return {one["uuid"] for one in by.listed("--phase", "OFFERED")}


def asked(by: Lived, name: str) -> tuple[str, set[str]]:
    """The offer set of an answer, and its offers."""
    answer = json.loads(by._request(name).out)
    return answer["meta"]["uuid"], {offer["meta"]["uuid"] for offer in answer["offers"]}


def test_who_asks_again_is_told_what_is_held(nothing_held: Lived) -> None:
    run = nothing_held.run
    file = str(nothing_held.directory / "request.json")
    _, offers = asked(nothing_held, "first")
    ended = run("request", file)
    assert ended.code == Exit.DONE
    count = len(held(nothing_held))
    assert count > len(offers)
    assert f"You hold {count} unanswered offers: broker reject --all" in ended.err
    refused = run("request", *NOTEBOOK, "--cores", "4096")
    assert refused.code == Exit.NO
    assert f"You hold {count} unanswered offers" in refused.err
    assert run("reject", "--all").code == Exit.DONE
    assert held(nothing_held) == set()
    ended = run("request", file)
    assert "You hold" not in ended.err, "these are the offers it shows"


def test_earlier_offers_are_given_back_for_new_ones(nothing_held: Lived) -> None:
    _, before = asked(nothing_held, "first")
    file = str(nothing_held.directory / "request.json")
    ended = nothing_held.run("request", file, "--replace", "--json")
    assert ended.code == Exit.DONE, ended.err
    offers = {one["meta"]["uuid"] for one in json.loads(ended.out)["offers"]}
    assert held(nothing_held) == offers
    assert not before & offers


def test_offers_and_offer_sets_are_given_back_several_at_once(nothing_held: Lived) -> None:
    first, of_first = asked(nothing_held, "first")
    second, of_second = asked(nothing_held, "second")
    third, of_third = asked(nothing_held, "third")
    one = min(of_third)
    ended = nothing_held.run("reject", first, second[:13], one, "--json")
    assert ended.code == Exit.DONE, ended.err
    given_back = json.loads(ended.out)
    assert {session["meta"]["uuid"] for session in given_back} == of_first | of_second | {one}
    assert {session["phase"] for session in given_back} == {"REJECTED"}
    assert held(nothing_held) == of_third - {one}
    assert nothing_held.run("reject", third).code == Exit.DONE
    again = nothing_held.run("reject", third)
    assert again.code == Exit.DONE
    assert "nothing was given back" in again.err
    assert nothing_held.run("reject", "0" * 8).code == Exit.NOT_FOUND
    assert nothing_held.run("reject", third.replace(third[:8], "0" * 8)).code == Exit.NOT_FOUND


def test_what_others_hold_is_theirs(nothing_held: Lived) -> None:
    """The administrator sees the offers of everybody, and gives back only what is his own."""
    _, offers = asked(nothing_held, "first")
    admin = {
        "BROKER_USER": None,
        "BROKER_PASSWORD": None,
        "BROKER__DATA_DIRECTORY": str(nothing_held.directory / "data"),
    }
    assert "You hold" not in nothing_held.run("request", *NOTEBOOK, "--cores", "4096", **admin).err
    assert nothing_held.run("reject", "--all", **admin).code == Exit.DONE
    assert held(nothing_held) >= offers


@pytest.mark.parametrize("arguments", [(), ("--all", "5f3ff7a4-6f3a-4b0a-9d6e-0f1b8e7d1c22")])
def test_what_is_to_be_given_back_is_said_once(run: Broker, arguments: tuple[str, ...]) -> None:
    ended = run("reject", *arguments)
    assert ended.code == Exit.USAGE
    assert "--all" in ended.err


def test_a_broker_without_lists_answers_all_the_same(run: Broker) -> None:
    ended = run("request", *NOTEBOOK)
    assert ended.code == Exit.DONE
    assert "You hold" not in ended.err
