"""An encoding that nobody asked for: undone if it is the transfer's, kept if it is the file's."""

import gzip
import itertools
import os
import random
import tempfile
import zlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Looked, Present, Source, Staged
from execution_broker.steps.decoding import decoded
from execution_broker.steps.rooms import Room
from execution_broker.steps.sources import coding_in
from tests.steps.staging.desk import CONTENT, OTHER, Desk, Shelf, checks_of, known, sha256

ENCODED = gzip.compress(CONTENT)
TWICE = gzip.compress(ENCODED)
NOISE = gzip.compress(random.Random(1).randbytes(50_000))
MEMBERS = gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:]) + bytes(512)


class Encoding(Shelf):
    """Tells before the bytes what they are encoded with."""

    def __init__(self, content: bytes, coding: str, *, has_length: bool = True) -> None:
        super().__init__(a=content)
        self.coding = coding
        self.has_length = has_length

    async def read(self, source: Source) -> AsyncIterator[Looked | bytes]:  # type: ignore[override]
        yield Looked(len(self.contents["a"]) if self.has_length else None, coding=self.coding)
        async for chunk in super().read(source):
            yield chunk


async def put(
    tmp_path: Path,
    content: bytes,
    coding: str = "gzip",
    checks: Checks | None = None,
    *,
    name: str = "night.fits",
    room: int | None = None,
) -> tuple[Staged, bytes]:
    """What is said of it, and what is in place."""
    desk = Desk(tmp_path, Encoding(content, coding))
    stage = desk.staging.within(None if room is None else Room(room, "what is booked", "Stop."))
    try:
        staged = await stage.put(
            Source("shelf:a", name, checks or Checks()),
            desk.target,
            present=Present.REFUSE,
            access=Access.READ_WRITE,
            progress=lambda _done, _total, _units: None,
        )
    finally:
        assert desk.left() == []
    placed = desk.target.read_bytes()
    assert (staged.size, staged.sha256) == (len(placed), sha256(placed))
    assert desk.staging.cached() == {sha256(placed)}
    return staged, placed


def remarks(staged: Staged) -> str:
    return " ".join(f"{one.level} {one.message}" for one in staged.messages[1:])


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", ENCODED),
        ("x-gzip", ENCODED),
        ("gzip, identity", ENCODED),
        ("gzip", MEMBERS),
        ("deflate", zlib.compress(CONTENT)),
        ("deflate", zlib.compress(CONTENT)[2:-4]),
    ],
    ids=["gzip", "x-gzip", "with identity", "several members", "deflate", "bare deflate"],
)
async def test_the_encoding_of_a_transfer_is_undone_and_said(
    tmp_path: Path, coding: str, content: bytes
) -> None:
    staged, placed = await put(tmp_path, content, coding)
    assert placed == CONTENT
    word = coding.partition(",")[0].removeprefix("x-")
    told = f"WARN night.fits came encoded with {word}, which nobody had asked for: it was decoded."
    assert told in remarks(staged)


@pytest.mark.parametrize(
    "checks", [known(ENCODED), Checks(size=len(ENCODED)), *checks_of(ENCODED).values()]
)
async def test_checks_of_the_encoded_form_are_met(tmp_path: Path, checks: Checks) -> None:
    """What is in place is what the checks are of: so staging it again finds it there."""
    staged, placed = await put(tmp_path, ENCODED, checks=checks)
    assert placed == ENCODED
    assert "WARN night.fits came encoded with gzip and was kept so" in remarks(staged)
    staged, placed = await put(tmp_path / "own", ENCODED, checks=checks, name="night.fits.gz")
    assert placed == ENCODED
    assert "WARN" not in remarks(staged)


async def test_checks_of_neither_form_name_both(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as caught:
        await put(tmp_path, ENCODED, checks=known(OTHER))
    assert caught.value.message.kind.endswith(":checksum-mismatch")
    for content in (OTHER, CONTENT, ENCODED):
        assert sha256(content) in str(caught.value)
    with pytest.raises(Permanent, match=rf"found {len(CONTENT)} \({len(ENCODED)} as it came,"):
        await put(tmp_path / "size", ENCODED, checks=Checks(size=len(CONTENT) + 1))


@pytest.mark.parametrize(
    ("name", "location", "is_own"),
    [
        ("plain.csv", "http://example.org/gz/a.csv.gz", False),
        ("a.csv.gz", "http://example.org/gz?id=7", True),
        ("night 1", "http://example.org/gz/a.csv.gz", True),
        ("night 1", "http://example.org/gz/a.csv", False),
    ],
)
def test_the_name_it_is_given_decides_where_it_says_what_the_file_is(
    name: str, location: str, *, is_own: bool
) -> None:
    found = coding_in(Looked(coding="gzip"), Source(location, name))
    assert found is not None
    assert found.is_own == is_own


@pytest.mark.parametrize("name", ["night.fits.gz", "night.TGZ"])
async def test_a_file_that_is_compressed_itself_stays_so(tmp_path: Path, name: str) -> None:
    """Many servers call it an encoding."""
    staged, placed = await put(tmp_path, ENCODED, name=name)
    assert placed == ENCODED
    assert f"INFO {name} is marked as encoded with gzip: kept as it came" in remarks(staged)


async def test_a_compressed_file_that_was_compressed_once_more_is_decoded_once(
    tmp_path: Path,
) -> None:
    for checks in (None, known(ENCODED)):
        staged, placed = await put(
            tmp_path / str(checks is None), TWICE, checks=checks, name="night.fits.gz"
        )
        assert placed == ENCODED
        assert "it was decoded" in remarks(staged)


@pytest.mark.parametrize("coding", ["", "identity", "utf-8", "aws-chunked", "none"])
async def test_what_is_no_encoding_changes_nothing(tmp_path: Path, coding: str) -> None:
    staged, placed = await put(tmp_path, ENCODED, coding)
    assert placed == ENCODED
    assert remarks(staged) == ""


async def test_what_is_not_encoded_though_it_says_so_is_kept(tmp_path: Path) -> None:
    for checks in (known(CONTENT), None):
        staged, placed = await put(tmp_path / str(checks is None), CONTENT, "gzip", checks)
        assert placed == CONTENT
        assert "kept as it came, as it is not" in remarks(staged)


async def test_an_encoding_that_cannot_be_undone_is_refused_unless_the_checks_are_met(
    tmp_path: Path,
) -> None:
    for coding in ("br", "zstd", "gzip, gzip", "compress"):
        with pytest.raises(Permanent, match=f"it came encoded with {coding}, which nobody"):
            await put(tmp_path / "refused", ENCODED, coding)
    _, placed = await put(tmp_path / "checked", ENCODED, "br", known(ENCODED))
    assert placed == ENCODED
    _, placed = await put(tmp_path / "own", ENCODED, "br", name="night.txt.br")
    assert placed == ENCODED


@pytest.mark.parametrize(
    ("content", "expected"),
    [(NOISE[:-100], Transient), (NOISE[:5000] + b"#" * 5000 + NOISE[10000:], Permanent)],
    ids=["cut off", "damaged"],
)
async def test_half_an_encoding_is_no_content(
    tmp_path: Path, content: bytes, expected: type[OutsideError]
) -> None:
    with pytest.raises(expected, match="its gzip encoding"):
        await put(tmp_path, content)


async def test_a_decompression_bomb_is_bounded_by_what_is_booked(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    with pytest.raises(Permanent, match="and 8388608 are left of what is booked"):
        await put(tmp_path, bomb, room=8 << 20)
    with pytest.raises(Permanent, match="found more than 1000000"):
        await put(tmp_path, bomb, checks=Checks(size=1_000_000))


@settings(max_examples=40, deadline=None)
@given(
    content=st.binary(max_size=5000),
    level=st.integers(0, 9),
    cuts=st.lists(st.integers(0, 5000)),
)
def test_whatever_was_encoded_is_decoded(content: bytes, level: int, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    parts = [content[a:b] for a, b in itertools.pairwise(edges)]
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(gzip.compress(part, level) for part in parts))
        file.flush()
        assert b"".join(decoded(partial(os.pread, file.fileno()), "gzip")) == content
