"""Who may have what is cached: only who can read the source that is asked for, at that time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from execution_broker.data.file import FileConfig, FileTransfer
from execution_broker.data.http import HttpConfig, HttpTransfer
from execution_broker.domain.errors import OutsideError, Permanent, Transient, Underway
from execution_broker.domain.messages import NOT_ALLOWED, SOURCE_FAILED
from execution_broker.ports.data import Access, Looked, Present, Source, Staged
from execution_broker.steps.staging import Staging
from execution_broker.testing.website import Asked, Route, answering, website
from tests.harness.waiting import until
from tests.steps.staging.desk import CONTENT, known, sha256

SECRET = b"what only ada may read" * 50


class Archive:
    """A source that knows who asks: `vault://ada:pw@host/name`. It remembers who asked for what."""

    schemes: ClassVar[frozenset[str]] = frozenset({"vault"})
    Config: ClassVar[type[msgspec.Struct]] = msgspec.Struct

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.readers: dict[str, set[str]] = {}
        self.versions: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.away: set[str] = set()
        self.held: dict[str, asyncio.Event] = {}
        self.looks: list[str] = []
        self.reads: list[str] = []

    def put(self, name: str, content: bytes, *readers: str) -> None:
        """Readable by these alone, `ada:pw`; by everybody if there are none."""
        self.contents[name] = content
        self.readers[name] = set(readers)
        self.versions[name] = sha256(content)[:8]

    async def look(self, source: Source) -> Looked:
        self.looks.append(source.location)
        content = self._content(source)
        return Looked(len(content), self.versions.get(self._parts(source)[1]))

    async def read(self, source: Source) -> AsyncIterator[bytes]:
        self.reads.append(source.location)
        if held := self.held.get(source.location.removeprefix("vault://")):
            await held.wait()
        yield self._content(source)

    async def close(self) -> None: ...

    def _parts(self, source: Source) -> tuple[str, str]:
        who, _, place = source.location.removeprefix("vault://").rpartition("@")
        return who, place

    def _content(self, source: Source) -> bytes:
        who, name = self._parts(source)
        if name in self.forbidden:
            raise Permanent(NOT_ALLOWED(place=name, reason="it is not allowed here"))
        if name in self.away:
            raise Transient(SOURCE_FAILED(location=name, reason="the connection failed"))
        if name not in self.contents:
            raise Permanent(SOURCE_FAILED(location=name, reason="the answer was 404 Not Found"))
        if self.readers[name] and who not in self.readers[name]:
            raise Permanent(SOURCE_FAILED(location=name, reason="the answer was 403 Forbidden"))
        return self.contents[name]


class Session:
    """Stages into a directory of its own, from an archive through the cache of all."""

    def __init__(self, directory: Path) -> None:
        self.archive = Archive()
        self._directory = directory
        self._number = 0
        self.staging = Staging({"vault": self.archive}, directory / "cache", reserve=0)

    async def put(self, location: str, content: bytes = SECRET) -> Staged:
        """Into a new session."""
        self._number += 1
        return await self.staging.put(
            Source(f"vault://{location}", "file.fits", known(content)),
            self._directory / f"session{self._number}" / "file",
            present=Present.REFUSE,
            access=Access.READ_WRITE,
            progress=lambda *_: None,
        )

    async def refused(self, location: str, error: type[OutsideError] = Permanent) -> str:
        reads = len(self.archive.reads)
        with pytest.raises(error) as caught:
            await self.put(location)
        assert not (self._directory / f"session{self._number}" / "file").exists()
        assert len(self.archive.reads) - reads <= 1
        return str(caught.value)


@pytest.fixture
async def session(tmp_path: Path) -> Session:
    """The archive has something for ada and eve alone; ada has staged it."""
    made = Session(tmp_path)
    made.archive.put("host/private", SECRET, "ada:1", "eve:2")
    await made.put("ada:1@host/private")
    assert made.archive.reads == ["vault://ada:1@host/private"]
    return made


async def test_who_knows_a_checksum_gets_nothing_from_a_place_that_is_none(
    session: Session,
) -> None:
    assert "404" in await session.refused("host/nothing")
    session.archive.away.add("elsewhere/x")
    assert "connection failed" in await session.refused("elsewhere/x", Transient)


async def test_a_forbidden_place_is_refused_however_well_its_content_is_known(
    session: Session,
) -> None:
    session.archive.put("inside/x", SECRET)
    await session.put("inside/x")
    session.archive.forbidden.add("inside/x")
    assert "not allowed" in await session.refused("inside/x")


@pytest.mark.parametrize("who", ["", "ada:wrong@", "eve:1@"])
async def test_the_source_decides_who_may_have_what_somebody_else_staged(
    session: Session, who: str
) -> None:
    assert "403" in await session.refused(f"{who}host/private")


async def test_who_may_read_the_source_gets_it_from_the_cache(session: Session) -> None:
    staged = await session.put("eve:2@host/private")
    assert staged.reused
    assert len(session.archive.reads) == 1, "asked, and not read"
    assert session.archive.looks[-1] == "vault://eve:2@host/private"


async def test_a_place_of_ones_own_that_answers_anything_proves_nothing(session: Session) -> None:
    """It must give the content itself."""
    session.archive.put("eve.org/lies", b"x" * len(SECRET))
    with pytest.raises(Permanent, match="expected sha256"):
        await session.put("eve.org/lies")
    session.archive.put("eve.org/lies", b"y" * len(SECRET), "eve:2")
    session.archive.versions["eve.org/lies"] = session.archive.versions["host/private"]
    with pytest.raises(Permanent, match="expected sha256"):
        await session.put("eve:2@eve.org/lies")


async def test_one_address_with_other_content_for_each_user_proves_nothing(
    session: Session,
) -> None:
    """Where it is not the same version that somebody else's credentials get, it is read."""
    session.archive.versions["host/private"] = "of eve"
    assert not (await session.put("eve:2@host/private")).reused
    assert (await session.put("eve:2@host/private")).reused
    del session.archive.versions["host/private"]
    assert not (await session.put("eve:2@host/private")).reused


async def test_what_the_source_has_by_now_is_not_hidden_by_the_cache(session: Session) -> None:
    session.archive.put("host/private", b"something longer" * 100, "ada:1")
    with pytest.raises(Permanent, match="expected"):
        await session.put("ada:1@host/private")


async def test_public_content_is_for_everybody_who_names_a_place_that_answers(
    session: Session,
) -> None:
    session.archive.put("host/public", CONTENT)
    session.archive.put("mirror/public", CONTENT, "eve:2")
    await session.put("host/public", CONTENT)
    session.archive.looks.clear()
    assert (await session.put("host/public", CONTENT)).reused
    assert session.archive.looks == ["vault://host/public"]
    assert (await session.put("eve:2@mirror/public", CONTENT)).reused
    assert session.archive.looks[1:] == ["vault://eve:2@mirror/public", "vault://host/public"]


async def test_what_is_public_no_more_is_read_from_where_it_is_asked(session: Session) -> None:
    session.archive.put("host/public", CONTENT)
    session.archive.put("mirror/x", CONTENT)
    await session.put("host/public", CONTENT)
    session.archive.readers["host/public"] = {"ada:1"}
    session.archive.reads.clear()
    assert not (await session.put("mirror/x", CONTENT)).reused
    assert session.archive.reads == ["vault://mirror/x"]
    with pytest.raises(Permanent, match="403"):
        await session.put("host/public", CONTENT)


async def test_only_public_content_shortens_the_estimates_of_others(session: Session) -> None:
    assert session.staging.holds(sha256(SECRET))
    assert session.staging.cached() == frozenset()
    session.archive.put("host/public", CONTENT)
    await session.put("host/public", CONTENT)
    assert session.staging.cached() == {sha256(CONTENT)}
    session.archive.put("host/private", SECRET)
    await session.put("host/private")
    assert session.staging.cached() == {sha256(CONTENT), sha256(SECRET)}


async def test_what_is_known_of_where_it_came_from_goes_with_the_content(
    session: Session, tmp_path: Path
) -> None:
    session.staging.trim()
    everything = Staging({}, tmp_path / "cache", limit=0)
    assert everything.trim() == len(SECRET)
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


async def test_nobody_learns_that_somebody_else_is_fetching(session: Session) -> None:
    """Only who fetches the same from the same place waits, if that lets him."""
    session.archive.put("host/new", CONTENT, "ada:1", "eve:2")
    session.archive.put("mirror/new", CONTENT)
    go_on = session.archive.held["ada:1@host/new"] = asyncio.Event()
    first = asyncio.create_task(session.put("ada:1@host/new", CONTENT))
    await until_true(lambda: session.archive.reads[-1] == "vault://ada:1@host/new")
    with pytest.raises(Underway):
        await session.put("eve:2@host/new", CONTENT)
    with pytest.raises(Permanent, match="403"):
        await session.put("host/new", CONTENT)
    assert not (await session.put("mirror/new", CONTENT)).reused
    go_on.set()
    assert not (await first).reused
    assert (await session.put("eve:2@host/new", CONTENT)).reused


async def until_true(condition: Callable[[], bool]) -> None:
    async def check() -> bool:
        return condition()

    await until(check)


async def test_http_and_files_are_asked_with_the_credentials_of_whoever_asks(
    tmp_path: Path,
) -> None:
    """The transfers that are built in, with servers that answer as theirs do."""
    content = b"of one site" * 100
    (tmp_path / "allowed").mkdir()
    for place in ("allowed/x", "x"):
        (tmp_path / place).write_bytes(content)
    files = FileTransfer(FileConfig(roots=(str(tmp_path / "allowed"),)))
    http = HttpTransfer(HttpConfig(allow=("127.0.0.1",)))
    private = answering(200, content, ETag='"1"')
    async with website() as site:
        site.routes["/x"] = for_who_sends("Authorization", private)
        site.routes["/refused"] = answering(401)
        stage = Staging({"http": http, "file": files}, tmp_path / "cache", reserve=0)

        async def put(location: str, name: str) -> Staged:
            return await stage.put(
                Source(location, "x", known(content)),
                tmp_path / name / "x",
                present=Present.REFUSE,
                access=Access.READ_ONLY,
                progress=lambda *_: None,
            )

        place = site.url("/x")
        assert not (await put(place.replace("//", "//ada:pw@"), "first")).reused
        assert (await put(place.replace("//", "//eve:pw@"), "second")).reused
        assert [asked.method for asked in site.asked] == ["GET", "HEAD", "HEAD"]
        with pytest.raises(Permanent, match="401"):
            await put(place, "third")
        with pytest.raises(Permanent, match="401"):
            await put(site.url("/refused"), "fourth")
        with pytest.raises(Permanent, match="404"):
            await put(site.url("/nothing"), "fifth")
        with pytest.raises(Permanent, match="none of the directories"):
            await put((tmp_path / "x").as_uri(), "sixth")
        assert not (await put((tmp_path / "allowed/x").as_uri(), "seventh")).reused
        assert (await put((tmp_path / "allowed/x").as_uri(), "eighth")).reused
    await http.close()


def for_who_sends(header: str, route: Route) -> Route:
    """Others get 401."""

    async def guarded(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (route if header.lower() in asked.headers else answering(401))(asked, writer)

    return guarded
