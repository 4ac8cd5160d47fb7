"""The keys of a database: made once, proved at each start, never quietly replaced."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from execution_broker import config, factory
from execution_broker.domain.errors import ConfigurationError
from execution_broker.factory.keys import FILE
from execution_broker.sealing import KeyRing, new_key, read_keys
from tests.harness.broker import USED
from tests.harness.keys import KEYS


@asynccontextmanager
async def started(directory: Path, keys: str | None = KEYS) -> AsyncIterator[KeyRing]:
    """A process over the database of this test. Without keys it has what is beside that."""
    values: dict[str, Any] = {
        "data_directory": str(directory),
        "platforms": {"here": {"plugin": "scripted"}},
        "database": {"url": USED.url},
    }
    if keys is not None:
        values["sealing"] = {"keys": keys}
    settings = config.load_values(values)
    database = (await factory.database_opener(settings))()
    try:
        yield (await factory.open_instance(database, settings)).ring
    finally:
        await database.close()


async def refused(directory: Path, keys: str | None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        async with started(directory, keys):
            pass
    return str(caught.value)


async def test_the_first_start_makes_a_key_beside_the_file(tmp_path: Path) -> None:
    if USED.url != "sqlite":
        told = await refused(tmp_path, None)
        assert told.startswith("sealing.keys: no key is given")
        assert "openssl rand" in told
        assert "sealing.keys_file" in told
        return
    rings = await asyncio.gather(*(_sealed(tmp_path) for _ in range(4)))
    file = tmp_path / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(read_keys(file.read_text())) == list({ring.newest for ring, _ in rings})
    async with started(tmp_path, None) as ring:
        assert all(ring.open(sealed, "p") == b"x" for _, sealed in rings)
    assert _files(tmp_path) == [FILE]


def _files(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if "sealing" in path.name]


def _needs_a_file() -> None:
    if USED.url != "sqlite":
        pytest.skip("does not apply: only an embedded database has a file for its keys")


async def _sealed(directory: Path) -> tuple[KeyRing, str]:
    async with started(directory, None) as ring:
        return ring, ring.seal(b"x", "p")


async def test_a_key_that_is_missing_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    async with started(tmp_path) as ring:
        sealed = ring.seal(b"x", "p")
    told = await refused(tmp_path, new_key("other"))
    assert told.startswith("sealing.keys: the key of-tests is missing")
    assert "broker admin keys forget of-tests" in told
    if USED.url == "sqlite":
        assert "from a backup" in await refused(tmp_path, None)
        assert not (tmp_path / FILE).exists()
    async with started(tmp_path) as ring:
        assert ring.open(sealed, "p") == b"x"


async def test_another_key_of_the_same_name_is_not_taken_for_it(tmp_path: Path) -> None:
    async with started(tmp_path):
        pass
    told = await refused(tmp_path, new_key("of-tests"))
    assert "the key of-tests that is given is not the one" in told
    assert "Nothing was changed." in told


async def test_several_keys_are_loaded_and_the_newest_seals(tmp_path: Path) -> None:
    async with started(tmp_path) as ring:
        before = ring.seal(b"x", "p")
    new = new_key("new")
    async with started(tmp_path, f"{new} {KEYS}") as prepared:
        assert prepared.newest == "of-tests"
    async with started(tmp_path, f"{KEYS} {new}") as ring:
        assert ring.newest == "new"
        after = ring.seal(b"y", "p")
    assert prepared.open(after, "p") == b"y"
    assert prepared.open(before, "p") == b"x"
    assert "the key new is missing" in await refused(tmp_path, KEYS)
    assert "the key of-tests is missing" in await refused(tmp_path, new)


@pytest.mark.parametrize(
    ("content", "fault"), [(b"", "no key"), (b"a:b\n", "32 bytes"), (b"\xff", "utf-8")]
)
async def test_a_file_that_holds_no_key_is_left_as_it_is(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    _needs_a_file()
    (tmp_path / FILE).write_bytes(content)
    told = await refused(tmp_path, None)
    assert fault in told
    assert str(tmp_path / FILE) in told
    assert (tmp_path / FILE).read_bytes() == content


async def test_the_file_is_beside_the_database_wherever_that_is(tmp_path: Path) -> None:
    _needs_a_file()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    values = {"data_directory": str(tmp_path), "database": {"url": f"sqlite:///{elsewhere}/b.db"}}
    settings = config.load_values(values)
    database = (await factory.database_opener(settings))()
    await factory.open_instance(database, settings)
    await database.close()
    assert (elsewhere / FILE).exists()
    assert not (tmp_path / FILE).exists()
