"""The file transfer keeps the contract, and reads nothing but what it may."""

import os
from pathlib import Path

import msgspec
import pytest

from execution_broker.data.file import FileConfig, FileTransfer
from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.ports import registry
from execution_broker.ports.data import Source, Transfer
from execution_broker.testing.data import TransferContract


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "root"
    directory.mkdir()
    return directory


@pytest.fixture
def transfer(root: Path) -> FileTransfer:
    return FileTransfer(FileConfig(roots=(str(root),)))


def source_of(path: Path | str) -> Source:
    return Source(location=f"file://{path}", name="data")


async def refusal(transfer: FileTransfer, source: Source) -> OutsideError:
    """The same error from both methods."""
    with pytest.raises(OutsideError) as looked:
        await transfer.look(source)
    with pytest.raises(OutsideError) as read:
        await anext(transfer.read(source))
    assert type(looked.value) is type(read.value)
    assert looked.value.message == read.value.message
    return read.value


class TestFileTransfer(TransferContract):
    @pytest.fixture
    def transfer(self, root: Path) -> Transfer:
        return FileTransfer(FileConfig(roots=(str(root),)))

    @pytest.fixture
    def content(self) -> bytes:
        return bytes(range(256)) * 10_000

    @pytest.fixture
    def source(self, content: bytes, root: Path) -> Source:
        (root / "file").write_bytes(content)
        return source_of(root / "file")

    @pytest.fixture
    def missing(self, root: Path) -> Source:
        return source_of(root / "nothing")

    @pytest.fixture
    def forbidden(self, tmp_path: Path) -> Source | None:
        (tmp_path / "outside").write_bytes(b"x")
        return source_of(tmp_path / "outside")

    @pytest.fixture
    def secretive(self, root: Path) -> tuple[Source, str] | None:
        return source_of(f"{root}/file?token=hidden"), "hidden"


async def test_nothing_is_read_by_default(root: Path) -> None:
    (root / "file").write_bytes(b"x")
    error = await refusal(FileTransfer(FileConfig()), source_of(root / "file"))
    assert isinstance(error, Permanent)
    assert "transfers.file.roots" in str(error)


async def test_a_link_may_lead_elsewhere_below_the_roots(root: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "file").write_bytes(b"content")
    (root / "link").symlink_to(second / "file")
    (root / "dir").symlink_to(second)
    transfer = FileTransfer(FileConfig(roots=(str(root), str(second))))
    for name in ("link", "dir/file", "../second/file"):
        assert [c async for c in transfer.read(source_of(root / name))] == [b"content"]


@pytest.mark.parametrize("name", ["link", "dir/file", "../outside/file", "%2e%2e/outside/file"])
async def test_nothing_leads_out_of_the_roots(
    transfer: FileTransfer, root: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    (root / "link").symlink_to(outside / "file")
    (root / "dir").symlink_to(outside)
    error = await refusal(transfer, source_of(f"{root}/{name}"))
    assert isinstance(error, Permanent)
    assert error.message.kind.endswith("not-allowed")


async def test_what_is_outside_is_refused_whether_it_is_there_or_not(
    transfer: FileTransfer, tmp_path: Path
) -> None:
    error = await refusal(transfer, source_of(tmp_path / "nothing"))
    assert error.message.kind.endswith("not-allowed")


async def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (root / "file").write_bytes(b"x")
    (tmp_path / "alias").symlink_to(root)
    transfer = FileTransfer(FileConfig(roots=(str(tmp_path / "alias"),)))
    assert (await transfer.look(source_of(root / "file"))).size == 1


async def test_only_regular_files_are_read(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "directory").mkdir()
    transfer = FileTransfer(FileConfig(roots=(str(root), "/dev")))
    for path in (root / "pipe", root / "directory", root, Path("/dev/null")):
        error = await refusal(transfer, source_of(path))
        assert isinstance(error, Permanent)
        assert "no regular file" in str(error)


async def test_a_file_that_may_not_be_read_is_permanent(transfer: FileTransfer, root: Path) -> None:
    (root / "file").touch(mode=0)
    if os.access(root / "file", os.R_OK):
        pytest.skip("does not apply: this user may read everything")
    assert "may not read it" in str(await refusal(transfer, source_of(root / "file")))


async def test_a_file_in_the_place_of_a_directory_is_not_there(
    transfer: FileTransfer, root: Path
) -> None:
    (root / "file").write_bytes(b"x")
    assert "no such file" in str(await refusal(transfer, source_of(root / "file" / "below")))


@pytest.mark.parametrize(
    "location",
    ["file://host/etc/passwd", "file:relative", "file:///root?query", "file:///a%00b", "file:"],
)
async def test_odd_urls_are_permanent(transfer: FileTransfer, location: str) -> None:
    assert isinstance(await refusal(transfer, Source(location, "data")), Permanent)


async def test_names_are_decoded_from_the_url(transfer: FileTransfer, root: Path) -> None:
    (root / "a b%?").write_bytes(b"x")
    (root / os.fsdecode(b"\xff")).write_bytes(b"yy")
    assert (await transfer.look(source_of(f"{root}/a%20b%25%3F"))).size == 1
    assert (await transfer.look(source_of(f"{root}/%FF"))).size == 2
    assert (await transfer.look(Source(f"FILE://localhost{root}/%FF", "data"))).size == 2


async def test_an_empty_file_has_no_chunks(transfer: FileTransfer, root: Path) -> None:
    (root / "empty").touch()
    assert [c async for c in transfer.read(source_of(root / "empty"))] == []


@pytest.mark.parametrize("size", [0, 1 << 21, 5 << 20])
async def test_a_file_that_changes_meanwhile_is_transient(
    transfer: FileTransfer, root: Path, size: int
) -> None:
    (root / "file").write_bytes(bytes(3 << 20))
    stream = transfer.read(source_of(root / "file"))
    await anext(stream)
    os.truncate(root / "file", size)
    with pytest.raises(Transient, match="changed while it was read"):
        async for _ in stream:
            pass


def test_a_root_is_an_absolute_path() -> None:
    with pytest.raises(msgspec.ValidationError, match="the root data is no absolute path"):
        msgspec.convert({"roots": ["data"]}, FileConfig)


def test_it_is_found_by_its_entry_point() -> None:
    assert registry.plugin("transfers", "file") is FileTransfer
