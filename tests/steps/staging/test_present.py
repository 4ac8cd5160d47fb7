"""Staging where something is already: the same passes, nothing else is lost unasked."""

import os
from pathlib import Path

import pytest

from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Present
from tests.steps.staging.desk import CONTENT, OTHER, Desk, both, checks_of, known, mode, sha256


@both
@pytest.mark.parametrize("present", list(Present))
@pytest.mark.parametrize("algorithm", ["sha256", "md5", "adler32"])
async def test_the_same_content_passes_without_asking(
    desk: Desk, algorithm: str, present: Present, access: Access
) -> None:
    desk.already(CONTENT)
    before = desk.target.stat()
    staged = await desk.put(checks_of(CONTENT)[algorithm], present=present, access=access)
    assert staged.reused
    assert staged.sha256 == sha256(CONTENT)
    assert [m.kind.rpartition(":")[2] for m in staged.messages] == ["reused"]
    assert desk.shelf.reads == []
    assert desk.target.stat().st_mtime_ns == before.st_mtime_ns
    assert desk.target.stat().st_ino == before.st_ino


async def test_without_a_digest_the_source_tells_whether_it_is_the_same(desk: Desk) -> None:
    desk.already(CONTENT)
    before = desk.target.stat()
    for checks in (None, Checks(size=len(CONTENT))):
        assert (await desk.put(checks)).reused
    assert desk.shelf.reads == ["a", "a"]
    assert desk.target.stat().st_ino == before.st_ino
    assert desk.left() == []


@pytest.mark.parametrize(
    ("checks", "algorithm", "reads"),
    [
        (None, "sha256", 1),
        (Checks(size=len(CONTENT)), "sha256", 1),
        (Checks(size=1), "size", 0),
        *((checks, algorithm, 0) for algorithm, checks in checks_of(CONTENT).items()),
    ],
)
async def test_other_content_is_never_overwritten_unasked(
    desk: Desk, checks: Checks | None, algorithm: str, reads: int
) -> None:
    desk.already(OTHER)
    error = await desk.refused(checks, kind="other-content")
    assert isinstance(error, Permanent)
    assert error.message.values["algorithm"] == algorithm
    assert error.message.values["expected"] != error.message.values["found"]
    assert "replace" in str(error)
    assert desk.target.read_bytes() == OTHER
    assert len(desk.shelf.reads) == reads
    assert desk.left() == []


@pytest.mark.parametrize("checks", [None, Checks(size=len(CONTENT)), *checks_of(CONTENT).values()])
@pytest.mark.parametrize("before", [OTHER, b"short"], ids=["as long", "shorter"])
async def test_other_content_is_replaced_when_that_is_asked(
    desk: Desk, checks: Checks | None, before: bytes
) -> None:
    desk.already(before)
    staged = await desk.put(checks, present=Present.REPLACE)
    assert not staged.reused
    assert desk.target.read_bytes() == CONTENT
    assert desk.left() == []


async def test_what_fails_replaces_nothing(desk: Desk) -> None:
    desk.already(b"precious")
    await desk.refused(checks_of(OTHER)["md5"], kind="checksum-mismatch", present=Present.REPLACE)
    assert desk.target.read_bytes() == b"precious"


async def test_a_read_only_file_becomes_writable_without_its_links(desk: Desk) -> None:
    await desk.put(access=Access.READ_ONLY)
    assert (await desk.put(known(CONTENT), access=Access.READ_WRITE)).reused
    assert not desk.target.samefile(desk.entry(CONTENT))
    assert mode(desk.target) == 0o644
    assert desk.target.read_bytes() == CONTENT
    assert mode(desk.entry(CONTENT)) == 0o444


async def test_a_read_only_file_of_its_own_becomes_writable(desk: Desk) -> None:
    await desk.put(access=Access.READ_ONLY)
    desk.entry(CONTENT).unlink()
    before = desk.target.stat().st_ino
    await desk.put(access=Access.READ_WRITE)
    assert mode(desk.target) == 0o644
    assert desk.target.stat().st_ino == before


@pytest.mark.parametrize("present", list(Present))
@pytest.mark.parametrize("checks", [None, known(CONTENT)])
async def test_a_directory_in_the_place_is_left_alone(
    desk: Desk, present: Present, checks: Checks | None
) -> None:
    desk.target.mkdir(parents=True)
    error = await desk.refused(checks, kind="unwritable", present=present)
    assert isinstance(error, Permanent)
    assert "a directory is in its place" in str(error)


async def test_a_link_in_the_place_is_never_followed(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(CONTENT)
    desk.target.parent.mkdir(parents=True)
    desk.target.symlink_to(elsewhere)
    assert isinstance(await desk.refused(known(CONTENT), kind="unwritable"), Permanent)
    await desk.put(name="b", present=Present.REPLACE)
    assert not desk.target.is_symlink()
    assert elsewhere.read_bytes() == CONTENT


async def test_a_pipe_in_the_place_blocks_nobody(desk: Desk) -> None:
    desk.target.parent.mkdir(parents=True)
    os.mkfifo(desk.target)
    assert isinstance(await desk.refused(known(CONTENT), kind="unwritable"), Permanent)
    await desk.put(present=Present.REPLACE)
    assert desk.target.read_bytes() == CONTENT


async def test_a_place_that_cannot_be_written_is_permanent(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(b"")
    for target in (tmp_path / "flat" / "x", tmp_path / "flat" / "x" / "y", tmp_path / ("n" * 250)):
        error = await desk.refused(kind="unwritable", target=target)
        assert isinstance(error, Permanent)
    assert desk.shelf.reads == []
