"""Staging from a source: content in its place, verified, or nothing at all."""

import hashlib
import os
import zlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from execution_broker.data.file import FileConfig, FileTransfer
from execution_broker.data.http import HttpConfig, HttpTransfer
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Present, Source, Staged
from execution_broker.steps.staging import Staging
from execution_broker.testing.website import answering, in_turn, sending, website
from tests.steps.staging.desk import (
    CONTENT,
    OTHER,
    Desk,
    Endless,
    Shelf,
    both,
    checks_of,
    contents,
    known,
    mode,
    sha256,
)


@both
async def test_a_file_is_staged_and_kept_for_others(desk: Desk, access: Access) -> None:
    staged = await desk.put(access=access)
    assert desk.target.read_bytes() == CONTENT
    assert (staged.path, staged.size) == (str(desk.target), len(CONTENT))
    assert (staged.sha256, staged.reused) == (sha256(CONTENT), False)
    assert [m.kind.rpartition(":")[2] for m in staged.messages] == ["staged"]
    assert desk.progress[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in desk.progress] == sorted(done for done, _ in desk.progress)
    assert desk.entry(CONTENT).read_bytes() == CONTENT
    assert desk.staging.cached() == {sha256(CONTENT)}
    assert desk.left() == []


async def test_every_digest_is_checked_whatever_its_case(desk: Desk) -> None:
    checks = Checks(
        size=len(CONTENT),
        md5=hashlib.md5(CONTENT).hexdigest().upper(),
        sha256=sha256(CONTENT).upper(),
        adler32=f"{zlib.adler32(CONTENT):X}",
    )
    assert (await desk.put(checks)).size == len(CONTENT)
    assert desk.staging.holds(sha256(CONTENT).upper())


async def test_an_empty_file_is_a_file(desk: Desk) -> None:
    checks = Checks(size=0, sha256=sha256(b""), adler32="1")
    assert (await desk.put(checks, name="empty")).size == 0
    assert desk.target.read_bytes() == b""


@both
async def test_the_mode_says_what_may_be_done(desk: Desk, access: Access) -> None:
    await desk.put(access=access)
    assert mode(desk.target) == {Access.READ_ONLY: 0o444, Access.READ_WRITE: 0o644}[access]
    assert mode(desk.entry(CONTENT)) == 0o444


async def test_read_only_files_share_the_disk_with_the_cache(desk: Desk) -> None:
    second = desk.target.with_name("second")
    await desk.put(access=Access.READ_ONLY)
    await desk.put(known(CONTENT), access=Access.READ_ONLY, target=second)
    assert desk.target.samefile(desk.entry(CONTENT))
    assert desk.target.samefile(second)


async def test_who_writes_a_staged_file_changes_nobody_elses(desk: Desk) -> None:
    second = desk.target.with_name("second")
    await desk.put()
    desk.target.write_bytes(b"mine")
    await desk.put(known(CONTENT), target=second)
    second.write_bytes(b"mine too")
    assert desk.entry(CONTENT).read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "adler32"])
async def test_a_wrong_checksum_leaves_nothing(desk: Desk, algorithm: str) -> None:
    error = await desk.refused(checks_of(OTHER)[algorithm], kind="checksum-mismatch")
    assert isinstance(error, Permanent)
    assert error.message.values == {
        "file": "file.fits",
        "algorithm": algorithm,
        "expected": getattr(checks_of(OTHER)[algorithm], algorithm),
        "found": getattr(checks_of(CONTENT)[algorithm], algorithm),
    }
    assert list(desk.target.parent.iterdir()) == []
    assert desk.staging.cached() == frozenset()


async def test_more_than_the_declared_size_is_not_read(desk: Desk) -> None:
    error = await desk.refused(Checks(size=1_000_000), kind="size-mismatch")
    assert isinstance(error, Permanent)
    assert desk.shelf.sent == 1_100_000
    assert desk.shelf.closed == 1
    assert list(desk.target.parent.iterdir()) == []


async def test_less_than_the_declared_size_may_have_broken_off(desk: Desk) -> None:
    wrong = Checks(size=len(CONTENT) + 1)
    assert isinstance(await desk.refused(wrong, kind="size-mismatch"), Permanent)
    desk.shelf.told["a"] = None
    assert isinstance(await desk.refused(wrong, kind="size-mismatch"), Transient)
    desk.shelf.told["a"] = wrong.size
    assert isinstance(await desk.refused(wrong, kind="size-mismatch"), Transient)
    assert desk.left() == []


@pytest.mark.parametrize(
    "checks",
    [
        Checks(sha256="../" * 21 + "x"),
        Checks(sha256=""),
        Checks(sha256="ab" * 31),
        Checks(md5="ab" * 32),
        Checks(adler32="123456789"),
        Checks(adler32="\u0661"),
        Checks(size=-1),
    ],
)
async def test_checks_that_nothing_meets_are_refused_at_once(desk: Desk, checks: Checks) -> None:
    assert isinstance(await desk.refused(checks, kind="bad-value"), Permanent)
    assert desk.shelf.reads == []


async def test_an_unknown_scheme_is_permanent(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"'gopher' cannot be read here; known: shelf\."):
        await desk.staging.put(
            Source("GOPHER://user:hidden@host/", "x"),
            tmp_path / "x",
            present=Present.REFUSE,
            access=Access.READ_ONLY,
            progress=lambda _done, _total, _units: None,
        )


async def test_what_the_source_says_is_passed_on(desk: Desk) -> None:
    with pytest.raises(Permanent, match="not here"):
        await desk.put(name="missing")
    assert list(desk.target.parent.iterdir()) == []


async def test_what_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Shelf(a=CONTENT), reserve=1 << 62)
    for checks in (Checks(size=len(CONTENT)), Checks()):
        assert desk.shelf.reads == []
        error = await desk.refused(checks, kind="no-space")
        assert isinstance(error, Permanent)
        needed = str(len(CONTENT))
        assert error.message.values == {"file": "file.fits", "needed": needed, "free": "0"}
    assert desk.shelf.sent <= 100_000


@pytest.mark.parametrize("size", [None, 1 << 62])
async def test_a_source_that_lies_does_not_fill_the_disk(tmp_path: Path, size: int | None) -> None:
    disk = os.statvfs(tmp_path)
    desk = Desk(tmp_path, Endless(), reserve=disk.f_bavail * disk.f_frsize - (16 << 20))
    error = await desk.refused(Checks(size=size), kind="no-space")
    assert isinstance(error, Permanent)
    assert list(desk.target.parent.iterdir()) == []


async def test_an_endless_source_stops_at_the_declared_size(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Endless())
    await desk.refused(Checks(size=3 << 20), kind="size-mismatch")
    assert desk.shelf.sent == 4 << 20
    assert desk.shelf.closed == 1


def putting(staging: Staging, target: Path) -> Callable[[str, Checks], Coroutine[Any, Any, Staged]]:
    def put(location: str, checks: Checks) -> Coroutine[Any, Any, Staged]:
        return staging.put(
            Source(location, "file.fits", checks),
            target,
            present=Present.REFUSE,
            access=Access.READ_WRITE,
            progress=lambda _done, _total, _units: None,
        )

    return put


async def test_over_http_with_a_server_that_is_not_always_well(tmp_path: Path) -> None:
    transfer = HttpTransfer(HttpConfig(allow=("127.0.0.1/32",)))
    staging = Staging({"http": transfer}, tmp_path / "cache", reserve=0)
    put = putting(staging, tmp_path / "file")
    async with website() as site:
        cut = (
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT[:99999]
        )
        site.routes["/a"] = in_turn(answering(503), sending(cut), answering(200, CONTENT))
        for _ in range(2):
            with pytest.raises(Transient):
                await put(site.url("/a"), known(CONTENT))
            assert contents(tmp_path) == {}
        assert not (await put(site.url("/a"), known(CONTENT))).reused
        assert (await put(site.url("/a"), known(CONTENT))).reused
        assert len(site.asked) == 3
    await transfer.close()


async def test_a_wrong_checksum_over_http(tmp_path: Path) -> None:
    transfer = HttpTransfer(HttpConfig(allow=("127.0.0.1/32",)))
    put = putting(Staging({"http": transfer}, tmp_path / "cache", reserve=0), tmp_path / "file")
    async with website() as site:
        site.routes["/a"] = answering(200, OTHER)
        with pytest.raises(Permanent, match=sha256(CONTENT)):
            await put(site.url("/a"), known(CONTENT))
    assert contents(tmp_path) == {}
    await transfer.close()


async def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    transfer = FileTransfer(FileConfig(roots=(str(tmp_path),)))
    put = putting(Staging({"file": transfer}, tmp_path / "cache", reserve=0), tmp_path / "file")
    await put(f"file://{tmp_path}/source", known(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT
