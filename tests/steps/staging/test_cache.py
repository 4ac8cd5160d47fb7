"""Staging from the cache: what is known is not read again, and verified again."""

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Present
from execution_broker.steps.staging import Staging
from tests.steps.staging.desk import CONTENT, OTHER, Desk, both, contents, known, mode, sha256


@both
@pytest.mark.parametrize("present", list(Present))
async def test_known_content_is_not_read_again(
    desk: Desk, access: Access, present: Present
) -> None:
    await desk.put(access=access)
    second = desk.target.with_name("second")
    staged = await desk.put(known(CONTENT), target=second, access=access, present=present)
    assert staged.reused
    assert second.read_bytes() == CONTENT
    assert mode(second) == {Access.READ_ONLY: 0o444, Access.READ_WRITE: 0o644}[access]
    assert desk.shelf.reads == ["a"]
    assert [m.kind.rpartition(":")[2] for m in staged.messages] == ["reused"]
    assert desk.progress[-1] == (len(CONTENT), len(CONTENT))
    assert desk.left() == []


@both
async def test_what_replaces_may_come_from_the_cache(desk: Desk, access: Access) -> None:
    await desk.put(target=desk.target.with_name("first"))
    desk.target.write_bytes(OTHER)
    assert (await desk.put(known(CONTENT), access=access, present=Present.REPLACE)).reused
    assert desk.target.read_bytes() == CONTENT
    assert desk.left() == []


@both
async def test_a_corrupt_entry_is_fetched_again(desk: Desk, access: Access) -> None:
    await desk.put()
    desk.target.unlink()
    desk.entry(CONTENT).chmod(0o644)
    desk.entry(CONTENT).write_bytes(OTHER)
    staged = await desk.put(known(CONTENT), access=access)
    assert not staged.reused
    assert desk.target.read_bytes() == CONTENT
    assert desk.entry(CONTENT).read_bytes() == CONTENT
    assert desk.left() == []


@both
async def test_cached_content_that_contradicts_the_checks_is_refused(
    desk: Desk, access: Access
) -> None:
    await desk.put(target=desk.target.with_name("first"))
    checks = Checks(sha256=sha256(CONTENT), md5="ab" * 16)
    assert isinstance(
        await desk.refused(checks, kind="checksum-mismatch", access=access), Permanent
    )
    assert not desk.target.exists()
    assert desk.staging.holds(sha256(CONTENT))


async def test_the_least_recently_used_is_trimmed_first(desk: Desk) -> None:
    names = ["one", "two", "three"]
    contents = {name: name.encode() * 1000 for name in names}
    desk.shelf.contents.update(contents)
    for age, name in enumerate(names):
        await desk.put(name=name, target=desk.target.with_name(name))
        os.utime(desk.entry(contents[name]), (age, age))
    again = desk.target.with_name("again")
    assert (await desk.put(known(contents["one"]), name="one", target=again)).reused
    assert desk.trim(8000) == len(contents["two"])
    assert desk.staging.cached() == {sha256(contents["one"]), sha256(contents["three"])}
    assert desk.trim(0) == 8000
    assert desk.staging.cached() == frozenset()
    assert not desk.staging.holds(sha256(contents["one"]))
    assert (desk.target.with_name("two")).read_bytes() == contents["two"]


async def test_no_more_is_ever_cached_than_may_be(desk: Desk) -> None:
    """Not until the next trim either, which makes room for what comes next."""
    desk.shelf.contents = {"a": b"1" * 3000, "b": b"2" * 3000, "c": b"3" * 1500}
    desk.staging = Staging({"shelf": desk.shelf}, desk.cache, reserve=0, limit=5000)
    cached = []
    for name in desk.shelf.contents:
        staged = await desk.put(name=name, target=desk.target.with_name(name))
        cached.append(not any(m.kind.endswith(":not-cached") for m in staged.messages))
        assert desk.target.with_name(name).stat().st_size == staged.size
    assert cached == [True, False, True]
    os.utime(desk.entry(b"1" * 3000), (1, 1))
    assert desk.staging.is_over()
    assert desk.staging.trim() == 3000
    again = await desk.put(name="b", target=desk.target.with_name("again"))
    assert not any(m.kind.endswith(":not-cached") for m in again.messages)


async def test_what_is_being_put_into_the_cache_counts(desk: Desk) -> None:
    desk.shelf.contents = {"a": b"1" * 3000}
    desk.staging = Staging({"shelf": desk.shelf}, desk.cache, reserve=0, limit=5000)
    part = desk.entry(b"2").with_name(f".{'2' * 64}.{'0' * 16}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 2001)
    await desk.put()
    assert desk.staging.cached() == frozenset()
    part.write_bytes(b"x" * 2000)
    await desk.put(target=desk.target.with_name("again"))
    assert len(desk.staging.cached()) == 1


async def test_what_is_wanted_is_not_trimmed(desk: Desk) -> None:
    desk.shelf.contents = {"one": b"1" * 5000, "two": b"2" * 8000}
    for name in desk.shelf.contents:
        await desk.put(name=name, target=desk.target.with_name(name))
    wanted = sha256(desk.shelf.contents["one"])
    assert desk.trim(0, {wanted}) == 8000
    assert desk.staging.cached() == {wanted}


async def test_trimming_removes_what_was_cut_off_and_nothing_else(desk: Desk) -> None:
    await desk.put()
    entry = desk.entry(CONTENT)
    abandoned = entry.with_name(f".{entry.name}.{'0' * 16}.part")
    busy = entry.with_name(f".{entry.name}.{'1' * 16}.part")
    strange = entry.with_name("README")
    for path in (abandoned, busy, strange):
        path.write_bytes(b"x")
    with busy.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert desk.trim(len(CONTENT)) == 0
    assert sorted(entry.parent.iterdir()) == sorted([busy, strange, entry])
    assert desk.staging.cached() == {entry.name}


async def test_a_cache_that_cannot_be_written_stops_nobody(desk: Desk) -> None:
    desk.cache.write_bytes(b"no directory")
    staged = await desk.put(known(CONTENT))
    assert desk.target.read_bytes() == CONTENT
    assert [m.level for m in staged.messages] == ["INFO", "DEBUG"]
    assert desk.staging.cached() == frozenset()


@both
@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
async def test_the_cache_may_be_on_another_disk(desk: Desk, access: Access) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        first, second = Path(directory, "x", "first"), Path(directory, "x", "second")
        assert not (await desk.put(target=first, access=access)).reused
        assert (await desk.put(known(CONTENT), target=second, access=access)).reused
        assert contents(first.parent) == {"first": CONTENT, "second": CONTENT}
