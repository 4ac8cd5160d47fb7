"""The beginnings of UUIDs, as somebody types them who has many."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.cli.exits import Exit
from execution_broker.cli.prefixes import Prefix, shortened, whole
from execution_broker.domain.errors import NotFound
from execution_broker.models.listing import SessionList, SessionSummary
from execution_broker.models.phases import SessionPhase
from tests.cli.lived import Lived, lived
from tests.cli.test_rendering import NOW

__all__ = ["lived"]

UUIDS = [f"4f1c5a9e-8d0b-4b5e-9a55-{number:012x}" for number in range(300)]
ALONE = "4f1d5a9e-8d0b-4b5e-9a55-0c8f5b7f2d11"


class Lists:
    """The part of a client that lists sessions, two hundred on a page."""

    def __init__(self, uuids: list[str]) -> None:
        self.uuids = uuids

    def sessions(self, _which: Any, page: str | None) -> SessionList:
        start = int(page or 0)
        part = self.uuids[start : start + 200]
        more = start + 200 < len(self.uuids)
        return SessionList(
            sessions=tuple(
                SessionSummary(
                    uuid=uuid,
                    url="/",
                    phase=SessionPhase.RUNNING,
                    platform="here",
                    owner="ada",
                    created=NOW,
                    modified=NOW,
                )
                for uuid in part
            ),
            next=str(start + 200) if more else None,
        )


def found(prefix: str) -> UUID:
    client: Any = Lists([*UUIDS, ALONE])
    return whole(client, Prefix(prefix))


def test_the_only_one_is_found_on_whichever_page_it_is() -> None:
    assert found("4f1d") == UUID(ALONE)
    assert found(UUIDS[7]) == UUID(UUIDS[7])


def test_several_are_named() -> None:
    with pytest.raises(NotFound, match="Several UUIDs begin with 4f1c: ") as several:
        found("4f1c")
    assert UUIDS[0] in several.value.sentence
    assert several.value.sentence.count("4f1c5a9e") <= 6


@given(st.sets(st.uuids(), min_size=1).map(lambda uuids: [str(uuid) for uuid in uuids]))
def test_what_is_shown_is_enough_to_find_it_again(uuids: list[str]) -> None:
    short = shortened(uuids)
    for uuid, shown in short.items():
        assert [one for one in uuids if one.startswith(shown)] == [uuid]


@pytest.mark.parametrize("command", ["status", "events", "results", "watch"])
def test_the_beginning_of_a_uuid_stands_for_it(lived: Lived, command: str) -> None:
    whole = lived.run(command, lived.ran, "--json")
    assert lived.run(command, lived.ran[:13], "--json").out == whole.out
    assert lived.run(command, lived.ran[:13].upper(), "--json").code == Exit.DONE


def test_a_beginning_that_is_none_or_of_several_says_so(lived: Lived) -> None:
    every = [one["uuid"] for one in [*lived.listed(), *lived.listed("--offers")]]
    free = next(
        f"{n:04x}" for n in range(65536) if not any(u.startswith(f"{n:04x}") for u in every)
    )
    unknown = lived.run("status", free)
    assert (unknown.code, f"begins with {free}" in unknown.err) == (Exit.NOT_FOUND, True)
    short = lived.run("status", lived.ran[:3])
    assert (short.code, "first 4 characters" in short.err) == (Exit.USAGE, True)
