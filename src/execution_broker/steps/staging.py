"""Staging: the content of a source put in place, verified, from the cache where it is known."""

import os
import stat
import time
from collections.abc import Callable, Container, Mapping
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Final, assert_never

from execution_broker.domain import messages
from execution_broker.domain.errors import Underway
from execution_broker.domain.iso8601 import write_duration
from execution_broker.models.message import Message
from execution_broker.models.secrets import DEFAULT, Hiding
from execution_broker.ports.data import Access, Present, Progress, Source, Stage, Staged, Transfer
from execution_broker.steps import files
from execution_broker.steps.cache import ContentCache
from execution_broker.steps.decoding import chosen
from execution_broker.steps.fetching import fetch
from execution_broker.steps.files import in_blocks, in_thread
from execution_broker.steps.measuring import Content
from execution_broker.steps.pages import unexpected_page
from execution_broker.steps.placement import Difference, Limits, Placement, placement, words
from execution_broker.steps.rights import Rights
from execution_broker.steps.rooms import Room
from execution_broker.steps.sources import Pace

_RESERVE: Final = 256 << 20
_LIMIT: Final = 20 << 30
_LISTED: Final = 10_000
_SPARE: Final = 8
"""Trimming leaves room for more, as nothing is cached that there is no room for: an eighth."""
_PACE: Final = Pace()


class Staging:
    """The stage that platforms are given. One for the whole process, shared by its steps.

    `cache_directory` is `<data>/cache`. `reserve`: bytes that staging leaves free on a disk,
    whatever a source says or sends.
    """

    def __init__(
        self,
        transfers: Mapping[str, Transfer],
        cache_directory: Path,
        *,
        reserve: int = _RESERVE,
        limit: int = _LIMIT,
        pace: Pace = _PACE,
        hiding: Hiding = DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`transfers` by URL scheme. `limit`: bytes that may be cached. `pace`: what is asked of a
        source. `hiding` knows credentials
        in URLs. `clock` counts seconds, for the messages."""
        self._cache = ContentCache(cache_directory, reserve)
        self._rights = Rights(transfers, self._cache.origins, hiding)
        self._reserve = reserve
        self._limit = limit
        self._kept = limit - limit // _SPARE
        self.pace = pace
        self._clock = clock
        self.room: Room | None = None

    async def put(
        self,
        source: Source,
        target: Path,
        *,
        present: Present,
        access: Access,
        progress: Progress,
        storage: Path | None = None,
    ) -> Staged:
        """See the port. Permanent also for content that is not as wanted, for a disk that is too
        small, and for a place that cannot be written."""
        limits = Limits(self._reserve, self.room, storage)
        wanted = placement(source, target, present, access, progress, limits)
        with wanted.disk_errors():
            await in_thread(_prepare, target)
            return (
                await self._already_there(wanted)
                or await self._from_cache(wanted)
                or await self._first_to_fetch(wanted)
            )

    def within(self, room: Room | None) -> Stage:
        """The same stage for one component: what it puts in place stays within its room."""
        stage = copy(self)
        stage.room = room
        return stage

    def cached(self) -> frozenset[str]:
        """The sha256 of what is public of the 10 000 entries of the cache used last: of the rest
        nobody is to learn that it is here. Reads directories."""
        return self._cache.newest(_LISTED)

    def holds(self, sha256: str) -> bool:
        return self._cache.holds(sha256.lower())

    def is_over(self) -> bool:
        """Whether so much is cached that there is little room for more. Reads directories, and
        tidies them up."""
        return self._cache.size() > self._kept

    def trim(self, wanted: Container[str] = frozenset()) -> int:
        """Remove the least recently used content until there is room for more; the answer is the
        bytes removed. What is `wanted`, by its sha256, stays, and so do files in place.
        Reads and changes directories."""
        return self._cache.trim(self._kept, wanted)

    async def _already_there(self, wanted: Placement) -> Staged | None:
        """None when nothing is in the place, something to be replaced, or content that only the
        source can tell apart (no digest was given)."""
        try:
            there = wanted.target.lstat()
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(there.st_mode):
            raise wanted.unwritable("a directory is in its place")
        replaceable = wanted.present is Present.REPLACE
        if not stat.S_ISREG(there.st_mode):
            if replaceable:
                return None
            raise wanted.unwritable("something that is no file is in its place")
        if wanted.size is not None and wanted.size != there.st_size:
            if replaceable:
                return None
            raise wanted.other_content(Difference("size", str(wanted.size), str(there.st_size)))
        if not wanted.digests:
            return None
        with files.opened(wanted.target) as fd:
            content = await in_blocks(files.measured(fd, wanted.digests))
        if difference := wanted.difference(content):
            if replaceable:
                return None
            raise wanted.other_content(difference)
        await self._give_access(wanted)
        return _reused(wanted, content)

    async def _from_cache(self, wanted: Placement) -> Staged | None:
        """None when the content is not known by sha256, not cached, or was cached badly, or when
        only its source can tell whether it may be had."""
        sha256 = wanted.digests.get("sha256")
        entry = self._cache.open(sha256) if sha256 else None
        if sha256 is None or entry is None:
            return None
        try:
            if not await self._rights.permit(wanted.source, sha256, os.fstat(entry).st_size):
                return None
            match wanted.access:
                case Access.READ_ONLY:
                    content = await self._link(wanted, entry) or await self._copy(wanted, entry)
                case Access.READ_WRITE:
                    content = await self._copy(wanted, entry)
                case _:
                    assert_never(wanted.access)
        finally:
            os.close(entry)
        if content.sha256 != sha256:
            await in_thread(self._cache.discard, sha256)
            return None
        return _reused(wanted, content)

    async def _link(self, wanted: Placement, entry: int) -> Content | None:
        """The content of the entry, in place if it is as wanted. None where links cannot be."""
        with files.linked_beside(entry, wanted.target) as path:
            if path is None:
                return None
            wanted.require_booked(os.fstat(entry).st_size)
            content = await in_blocks(files.measured(entry, wanted.digests))
            if content.sha256 == wanted.digests["sha256"]:
                wanted.require(content)
                await self._settle(wanted, path, content)
            return content

    async def _copy(self, wanted: Placement, entry: int) -> Content:
        """The content of the entry, a copy of it in place if it is as wanted."""
        wanted.require_room(os.fstat(entry).st_size)
        async with files.making(wanted.target) as part:
            content = await in_blocks(files.duplicated(entry, part, wanted.digests))
            if content.sha256 == wanted.digests["sha256"]:
                wanted.require(content)
                await in_thread(part.seal, wanted.mode)
                await self._settle(wanted, part.path, content)
            return content

    async def _first_to_fetch(self, wanted: Placement) -> Staged:
        """From the source; content that is known by sha256 is fetched once for all who want it from
        the same place at the same time, and the others find it in the cache."""
        sha256 = wanted.digests.get("sha256")
        if sha256 is None:
            return await self._from_source(wanted)
        with self._cache.fetching(sha256, self._rights.place(wanted.source)) as is_ours:
            if not is_ours:
                await self._rights.require(wanted.source)
                raise Underway(messages.FETCHED_ELSEWHERE(file=wanted.source.name))
            return await self._from_cache(wanted) or await self._from_source(wanted)

    async def _from_source(self, wanted: Placement) -> Staged:
        began = self._clock()
        transfer = self._rights.transfer(wanted.source)
        async with files.making(wanted.target) as part:
            fetched = await fetch(wanted, transfer, part, self.pace)
            async with chosen(wanted, part, fetched.content, fetched.coding) as form:
                content = form.content
                await in_thread(form.part.seal, wanted.mode)
                if not await self._settle(wanted, form.part.path, content):
                    return _reused(wanted, content)
                page = unexpected_page(wanted, fetched.told, form.part.fd)
                remarks = (*form.remarks, *page, *await self._remember(wanted, form.part, content))
        elapsed = write_duration(timedelta(seconds=round(self._clock() - began, 1)))
        staged = messages.STAGED(file=wanted.source.name, size=content.size, elapsed=elapsed)
        return Staged(
            str(wanted.target),
            content.size,
            content.sha256,
            reused=False,
            messages=(staged, *remarks),
        )

    async def _settle(self, wanted: Placement, path: Path, content: Content) -> bool:
        """Give a finished file its name. False when the same content got there before it."""
        match wanted.present:
            case Present.REPLACE:
                await in_thread(files.replace, path, wanted.target)
                return True
            case Present.REFUSE:
                pass
            case _:
                assert_never(wanted.present)
        try:
            await in_thread(files.place, path, wanted.target)
        except FileExistsError:
            with files.opened(wanted.target) as fd:
                there = await in_blocks(files.measured(fd))
            if there.sha256 != content.sha256:
                difference = Difference("sha256", content.sha256, there.sha256)
                raise wanted.other_content(difference) from None
            await self._give_access(wanted)
            return False
        return True

    async def _give_access(self, wanted: Placement) -> None:
        """What was in place already becomes writable where it is to be. A file with a further
        name (it may be the cache's) gets a copy of its own first."""
        if wanted.access is Access.READ_ONLY:
            return
        with files.opened(wanted.target) as fd:
            there = os.fstat(fd)
            if there.st_nlink == 1:
                if not there.st_mode & stat.S_IWUSR:
                    os.fchmod(fd, files.READ_WRITE_MODE)
                return
            wanted.require_room(there.st_size)
            async with files.making(wanted.target) as part:
                await in_blocks(files.duplicated(fd, part))
                await in_thread(part.seal, files.READ_WRITE_MODE)
                await in_thread(files.replace, part.path, wanted.target)

    async def _remember(
        self, wanted: Placement, part: files.Part, content: Content
    ) -> tuple[Message, ...]:
        """Into the cache with it. That this fails is worth a remark and no more."""
        sha256 = content.sha256
        try:
            if not await in_thread(self._cache.has_room, sha256, content.size, self._limit):
                reason = "no more may be kept before the next report"
                return (messages.NOT_CACHED(file=wanted.source.name, reason=reason),)
            await in_blocks(self._cache.adopt(part.fd, sha256, wanted.access))
            await self._rights.note(wanted.source, sha256)
        except OSError as error:
            reason = words(error)
            return (messages.NOT_CACHED(file=wanted.source.name, reason=reason),)
        return ()


def _prepare(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    files.sweep(target)


def _reused(wanted: Placement, content: Content) -> Staged:
    wanted.progress(content.size, content.size, "bytes")
    message = messages.REUSED(file=wanted.source.name, sha256=content.sha256)
    path = str(wanted.target)
    return Staged(path, content.size, content.sha256, reused=True, messages=(message,))
