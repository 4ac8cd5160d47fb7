"""Bounded streams: the first bytes, the last bytes, and where they belong."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.platforms.local.streams import BoundedFile, read_after


@given(
    limit=st.integers(1, 40),
    writes=st.lists(st.binary(max_size=100), max_size=12),
    seen=st.integers(0, 400),
)
def test_what_is_kept_is_the_beginning_and_the_end(
    tmp_path_factory: pytest.TempPathFactory, limit: int, writes: list[bytes], seen: int
) -> None:
    path = tmp_path_factory.mktemp("stream") / "stdout"
    file = BoundedFile(path, limit)
    for data in writes:
        file.write(data)
    file.close()
    whole = b"".join(writes)
    kept = {at for at in range(len(whole)) if at < limit or at >= len(whole) - limit}
    read = {
        offset + index: byte
        for offset, data in read_after(path, seen)
        for index, byte in enumerate(data)
    }
    assert read == {at: whole[at] for at in kept if at >= seen}
    assert file.total == len(whole)


def test_the_file_never_grows(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    file = BoundedFile(path, 1000)
    size = path.stat().st_size
    for _ in range(50):
        file.write(b"x" * 777)
    assert path.stat().st_size == size <= 2100
    file.close()


def test_nothing_is_read_of_what_is_not_there(tmp_path: Path) -> None:
    assert read_after(tmp_path / "stdout", 0) == []
    for content in (b"", b"\1\2", b"\xff" * 24, b"\1" + b"\0" * 23):
        (tmp_path / "other").write_bytes(content)
        assert read_after(tmp_path / "other", 0) == []


def test_a_reader_never_sees_bytes_in_a_wrong_place(tmp_path: Path) -> None:
    """The byte at each offset is known, so that one overwritten while it is read would show."""
    path = tmp_path / "stdout"
    file = BoundedFile(path, 4096)
    over = threading.Event()

    def write() -> None:
        pattern = bytes(range(251)) * 20
        while not over.is_set():
            start = file.total % 251
            file.write(pattern[start : start + 3000])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            for offset, data in read_after(path, 0):
                assert data == bytes((offset + index) % 251 for index in range(len(data)))
    finally:
        over.set()
        writer.join()
        file.close()
