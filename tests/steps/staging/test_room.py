"""What is booked bounds what is staged: wherever it comes from, as it comes, all of it together."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution_broker.domain.errors import OutsideError, Permanent
from execution_broker.models.executable import Checks
from execution_broker.ports.data import Access, Looked, Present, Source, Staged
from execution_broker.steps.rooms import Room
from tests.steps.staging.desk import CONTENT, OTHER, Desk, Endless, Shelf, both, known

MIB = 1 << 20
SIZE = len(CONTENT)


class Lying(Endless):
    """Endless, and says nothing of its size."""

    async def look(self, source: Source) -> Looked:
        return Looked()


async def put(
    desk: Desk,
    room: int,
    checks: Checks | None = None,
    *,
    name: str = "a",
    file: str = "file",
    present: Present = Present.REFUSE,
    access: Access = Access.READ_WRITE,
) -> Staged:
    """Stage into a storage that is booked for so many bytes."""
    stage = desk.staging.within(Room(room, "what is booked", "Ask for more."))
    return await stage.put(
        Source(f"shelf:{name}", "file.fits", checks or Checks()),
        desk.target.with_name(file),
        present=present,
        access=access,
        progress=lambda _done, _total, _units: None,
        storage=desk.target.parent,
    )


async def refused(desk: Desk, room: int, checks: Checks | None = None, **how: object) -> str:
    with pytest.raises(Permanent) as caught:
        await put(desk, room, checks, **how)  # type: ignore[arg-type]
    assert caught.value.message.kind.endswith(":room-used")
    assert desk.left() == []
    return str(caught.value)


@pytest.mark.parametrize(
    "shelf", [Endless(), Lying()], ids=["says that it is small", "says nothing"]
)
async def test_what_never_ends_is_read_as_far_as_is_booked(tmp_path: Path, shelf: Shelf) -> None:
    desk = Desk(tmp_path, shelf)
    told = await refused(desk, 3 * MIB)
    assert "file.fits needs more than 4194304 bytes, and 3145728 are left of what is booked" in told
    assert shelf.sent == 4 * MIB
    assert shelf.closed == 1
    assert list(desk.target.parent.iterdir()) == []


async def test_what_says_that_it_is_larger_is_not_read(desk: Desk) -> None:
    told = await refused(desk, SIZE - 1)
    assert f"needs {SIZE} bytes, and {SIZE - 1} are left of what is booked. Ask for more." in told
    assert desk.shelf.sent <= 100_000


async def test_what_is_declared_larger_is_not_even_asked_for(desk: Desk) -> None:
    await refused(desk, SIZE - 1, known(CONTENT))
    assert desk.shelf.reads == []


async def test_it_may_be_as_large_as_is_booked(desk: Desk) -> None:
    assert (await put(desk, SIZE)).size == SIZE


async def test_all_that_is_in_the_storage_counts(desk: Desk) -> None:
    await put(desk, 2 * SIZE - 1, file="first")
    told = await refused(desk, 2 * SIZE - 1, name="b", file="second")
    assert f"{SIZE - 1} are left" in told
    assert (await put(desk, 2 * SIZE, name="b", file="second")).size == SIZE


async def test_what_others_are_writing_counts_and_what_lies_deeper(desk: Desk) -> None:
    desk.target.parent.mkdir(parents=True)
    (desk.target.parent / ".other.0123456789abcdef.part").write_bytes(b"x" * 1000)
    deeper = desk.target.parent / "deeper" / desk.target.name
    deeper.parent.mkdir()
    deeper.write_bytes(b"x" * 1000)
    with pytest.raises(Permanent, match=rf"{SIZE + 1999 - 2000} are left"):
        await put(desk, SIZE + 1999)
    assert (await put(desk, SIZE + 2000)).size == SIZE


@both
async def test_what_comes_from_the_cache_counts_as_well(desk: Desk, access: Access) -> None:
    await desk.put(known(CONTENT), target=desk.cache.with_name("elsewhere"))
    await refused(desk, SIZE - 1, known(CONTENT), access=access)
    assert not desk.target.exists()
    assert (await put(desk, SIZE, known(CONTENT), access=access)).reused


async def test_what_an_earlier_attempt_left_takes_nothing_away(desk: Desk) -> None:
    desk.already(OTHER)
    (desk.target.parent / ".file.0123456789abcdef.part").write_bytes(b"x" * 1000)
    assert (await put(desk, SIZE, present=Present.REPLACE)).size == SIZE
    assert desk.target.read_bytes() == CONTENT


@settings(max_examples=25, deadline=None)
@given(
    room=st.integers(0, 3000),
    sizes=st.lists(st.integers(0, 1500), max_size=5),
    is_told=st.booleans(),
)
async def test_what_fits_is_staged_and_what_does_not_is_refused(
    room: int, sizes: list[int], *, is_told: bool
) -> None:
    with TemporaryDirectory() as directory:
        shelf = Shelf(**{f"f{i}": b"x" * size for i, size in enumerate(sizes)})
        if not is_told:
            shelf.told = dict.fromkeys(shelf.contents)
        desk = Desk(Path(directory), shelf)
        used = 0
        for name, content in shelf.contents.items():
            fits = used + len(content) <= room
            try:
                await put(desk, room, name=name, file=name)
            except OutsideError:
                assert not fits
            else:
                assert fits
                used += len(content)
