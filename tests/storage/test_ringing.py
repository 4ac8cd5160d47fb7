"""A bell tells of which kinds there is something, to other processes and older ones, too."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.plan import StepKind
from execution_broker.storage.ringing import EVERY, heard, told
from tests.storage.rows import add_probe


@given(st.sets(st.sampled_from(list(StepKind))))
def test_what_is_told_is_heard(kinds: set[StepKind]) -> None:
    assert heard(told(kinds)) == kinds


def test_who_tells_nothing_means_everything_and_what_is_unknown_is_nobodys() -> None:
    assert heard("") == EVERY
    assert heard("probe of-a-later-version") == {StepKind.PROBE}


async def test_who_waits_for_other_kinds_does_not_hear(database: Any) -> None:
    before = database.heard([StepKind.WATCH])
    probes = database.heard([StepKind.PROBE])
    followers = database.heard()
    await database.write(lambda c: add_probe(c, "probe:x"))
    assert database.heard([StepKind.PROBE]) > probes
    assert database.heard() > followers
    assert database.heard([StepKind.WATCH]) == before
    await database.wait(3600, probes, [StepKind.PROBE])
