"""Staging that is cut off, repeated, or done twice at the same time."""

import asyncio
import itertools
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution_broker.domain.errors import Permanent, Underway
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Present, Staged
from tests.steps.staging.desk import (
    CONTENT,
    Desk,
    Shelf,
    both,
    checks_of,
    known,
    sha256,
)


async def test_what_is_cancelled_half_way_leaves_nothing(desk: Desk) -> None:
    desk.shelf.go_on.clear()
    putting = asyncio.create_task(desk.put())
    await desk.shelf.half_way.wait()
    assert len(desk.left()) == 1
    assert not desk.target.exists()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert list(desk.target.parent.iterdir()) == []
    assert desk.shelf.closed == 1
    desk.shelf.go_on.set()
    assert not (await desk.put()).reused


@both
@pytest.mark.parametrize("checks", [None, known(CONTENT)])
async def test_it_may_be_cut_off_anywhere(
    desk: Desk, checks: Checks | None, access: Access
) -> None:
    """Cancelled after ever more turns of the event loop, until it gets to its end."""
    for turns in itertools.accumulate(itertools.repeat(1.4), lambda a, b: a * b, initial=1.0):
        putting = asyncio.create_task(desk.put(checks, access=access))
        for _ in range(int(turns)):
            await asyncio.sleep(0)
        if putting.done():
            break
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert desk.left() == []
        assert not desk.target.exists() or desk.target.read_bytes() == CONTENT
        for entry in desk.staging.cached():
            assert entry == sha256(CONTENT)
    await putting
    assert desk.target.read_bytes() == CONTENT
    assert desk.left() == []


async def test_leftovers_of_the_same_target_are_removed(desk: Desk) -> None:
    desk.already(CONTENT)
    parent = desk.target.parent
    (parent / f".file.{'0' * 16}.part").write_bytes(b"left behind")
    foreign = [parent / ".file2.0000000000000000.part", parent / ".file.part", parent / "x.part"]
    for path in foreign:
        path.write_bytes(b"somebody else's")
    await desk.put(known(CONTENT))
    assert sorted(parent.iterdir()) == sorted([*foreign, desk.target])


KILLED = """
import asyncio, sys
from pathlib import Path
from execution_broker.ports.data import Access, Looked, Present, Source
from execution_broker.steps.staging import Staging

class Stuck:
    schemes = frozenset({"shelf"})
    async def look(self, source):
        return Looked(None)
    async def read(self, source):
        for _ in range(3):
            yield bytes(1 << 20)
        print("half way", flush=True)
        await asyncio.Event().wait()

asyncio.run(Staging({"shelf": Stuck()}, Path(sys.argv[1])).put(
    Source("shelf:a", "a"), Path(sys.argv[2]), present=Present.REFUSE,
    access=Access.READ_WRITE, progress=lambda *_: None))
"""


def test_what_a_killed_worker_left_is_removed_by_the_next(desk: Desk) -> None:
    desk.target.parent.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(desk.cache), str(desk.target)],
        stdout=subprocess.PIPE,
    ) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"half way\n"
        assert len(desk.left()) == 1
        worker.send_signal(signal.SIGKILL)
    asyncio.run(desk.put())
    assert desk.target.read_bytes() == CONTENT
    assert desk.left() == []


async def in_parallel(*puts: Callable[[], Awaitable[Staged]]) -> list[Staged | BaseException]:
    """Each asked again, as a step is, while somebody else fetches the same."""

    async def patient(put: Callable[[], Awaitable[Staged]]) -> Staged:
        while True:
            try:
                return await put()
            except Underway:
                await asyncio.sleep(0.01)

    return await asyncio.gather(*(patient(put) for put in puts), return_exceptions=True)


@both
async def test_many_may_stage_the_same_content_at_the_same_time(desk: Desk, access: Access) -> None:
    targets = [desk.target.with_name(f"target{n}") for n in range(8)]
    puts = (partial(desk.put, known(CONTENT), target=target, access=access) for target in targets)
    assert all(isinstance(done, Staged) for done in await in_parallel(*puts))
    assert desk.shelf.reads == ["a"]
    assert all(target.read_bytes() == CONTENT for target in targets)
    assert desk.staging.cached() == {sha256(CONTENT)}
    assert desk.left() == []


@both
@pytest.mark.parametrize("checks", [None, known(CONTENT)])
async def test_two_attempts_at_one_target_agree(
    desk: Desk, checks: Checks | None, access: Access
) -> None:
    """A worker that lost its lease may still be at it."""
    done = await in_parallel(*(partial(desk.put, checks, access=access) for _ in range(4)))
    assert all(isinstance(one, Staged) for one in done)
    assert desk.target.read_bytes() == CONTENT
    assert desk.left() == []


async def test_two_contents_for_one_target_do_not_overwrite_each_other(desk: Desk) -> None:
    done = await in_parallel(partial(desk.put, name="a"), partial(desk.put, name="b"))
    staged = [one for one in done if isinstance(one, Staged)]
    refused = [one for one in done if isinstance(one, Permanent)]
    assert (len(staged), len(refused)) == (1, 1)
    assert refused[0].message.kind.endswith("other-content")
    assert sha256(desk.target.read_bytes()) == staged[0].sha256
    assert desk.left() == []


PUTS = st.lists(
    st.tuples(
        st.sampled_from([b"", b"one", b"two", b"three"]),
        st.sampled_from(list(Present)),
        st.sampled_from(list(Access)),
        st.sampled_from(["nothing", "size", "sha256", "md5", "adler32"]),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=20)
@given(PUTS)
def test_any_sequence_of_puts_obeys_the_rules(
    puts: list[tuple[bytes, Present, Access, str]],
) -> None:
    async def run(directory: Path) -> None:
        desk = Desk(directory, Shelf())
        there: bytes | None = None
        for content, present, access, check in puts:
            desk.shelf.contents["a"] = content
            checks = {"size": Checks(size=len(content)), **checks_of(content)}.get(check)
            conflict = there not in (None, content) and present is Present.REFUSE
            if conflict:
                await desk.refused(checks, kind="other-content", present=present, access=access)
            else:
                staged = await desk.put(checks, present=present, access=access)
                assert staged.sha256 == sha256(content)
                there = content
                assert access is Access.READ_ONLY or desk.target.stat().st_nlink == 1
            assert there is None or desk.target.read_bytes() == there
            assert desk.left() == []
            assert all(sha256(e.read_bytes()) == e.name for e in desk.cache.glob("sha256/*/*"))

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


async def test_others_need_not_wait_for_who_was_killed_or_gave_up(desk: Desk) -> None:
    desk.shelf.go_on.clear()
    first = asyncio.create_task(desk.put(known(CONTENT)))
    await desk.shelf.half_way.wait()
    second = desk.target.with_name("second")
    with pytest.raises(Underway, match=r"file.fits: another session is fetching"):
        await desk.put(known(CONTENT), target=second)
    (lock,) = desk.entry(CONTENT).parent.iterdir()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    desk.shelf.go_on.set()
    lock.touch()
    assert not (await desk.put(known(CONTENT), target=second)).reused
    assert list(desk.entry(CONTENT).parent.iterdir()) == [desk.entry(CONTENT)]
