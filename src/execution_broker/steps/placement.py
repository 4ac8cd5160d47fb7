"""One placement of content: what it must look like, and what to say when it does not."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, assert_never

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.digests import ALGORITHMS, read_digest
from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.domain.naming import shown
from execution_broker.models.message import Message
from execution_broker.ports.data import Access, Present, Progress, Source
from execution_broker.steps.files import READ_ONLY_MODE, READ_WRITE_MODE, free_bytes
from execution_broker.steps.measuring import Content
from execution_broker.steps.rooms import Room, others_in

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FINAL: Final = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EINVAL,
        errno.ELOOP,
        errno.ENAMETOOLONG,
    }
)


class Difference(msgspec.Struct, frozen=True):
    """The first thing about some content that is not as it must be: a size or a digest."""

    what: str
    expected: str
    found: str


class Limits(NamedTuple):
    """`reserve`: bytes that are left free on the disk. `room`: what is booked, if anything is;
    all that lies in `storage` counts."""

    reserve: int
    room: Room | None = None
    storage: Path | None = None


class Placement(msgspec.Struct, frozen=True):
    """One call of `put`. `size` and `digests` are what the content must have, as far as known.
    `limits`: how much it may take."""

    source: Source
    target: Path
    present: Present
    access: Access
    progress: Progress
    size: int | None
    digests: dict[str, str]
    limits: Limits

    @property
    def mode(self) -> int:
        """The permissions that the file gets."""
        match self.access:
            case Access.READ_ONLY:
                return READ_ONLY_MODE
            case Access.READ_WRITE:
                return READ_WRITE_MODE
            case _:
                assert_never(self.access)

    @property
    def is_checked(self) -> bool:
        """Whether anything is known of what the content must be."""
        return self.size is not None or bool(self.digests)

    def difference(self, content: Content) -> Difference | None:
        if self.size is not None and content.size != self.size:
            return Difference("size", str(self.size), str(content.size))
        for name, expected in self.digests.items():
            if content.digests[name] != expected:
                return Difference(name, expected, content.digests[name])
        return None

    def require(
        self, content: Content, *, as_it_came: Content | None = None, coding: str = ""
    ) -> None:
        """Permanent when the content that was found is not what it must be; nor was what it was
        decoded from, `as_it_came` encoded with `coding`."""
        difference = self.difference(content)
        if difference is None:
            return
        what, found = difference.what, difference.found
        if as_it_came is not None:
            before = as_it_came.size if what == "size" else as_it_came.digests[what]
            found = f"{found} ({before} as it came, encoded with {coding})"
        if what == "size":
            raise Permanent(self.wrong_size(found))
        raise Permanent(
            messages.CHECKSUM_MISMATCH(
                file=self.source.name, algorithm=what, expected=difference.expected, found=found
            )
        )

    def wrong_size(self, found: object) -> Message:
        return messages.SIZE_MISMATCH(file=self.source.name, expected=self.size, found=found)

    def other_content(self, difference: Difference) -> Permanent:
        return Permanent(
            messages.OTHER_CONTENT(
                file=self.source.name,
                algorithm=difference.what,
                expected=difference.expected,
                found=difference.found,
            )
        )

    def source_failed(self, reason: str) -> Message:
        return messages.SOURCE_FAILED(location=shown(self.source.location), reason=reason)

    def unwritable(self, reason: str) -> Permanent:
        return Permanent(messages.UNWRITABLE(file=self.source.name, reason=reason))

    def require_room(self, more: int, said: object = None, *, before: int = 0) -> None:
        """Permanent unless `more` bytes fit on the disk and leave the reserve free, and with those
        that were written `before` into what is booked. `said`: what to say is needed in all."""
        said = before + more if said is None else said
        free = free_bytes(self.target.parent) - self.limits.reserve
        if more > free:
            raise self._full(said, free)
        self.require_booked(before + more, said)

    def require_booked(self, size: int, said: object = None) -> None:
        """Permanent unless a file of this size fits into what is booked."""
        room, storage = self.limits.room, self.limits.storage
        if room is not None:
            others = 0 if storage is None else others_in(storage, self.target)
            room.require(self.source.name, size, others, size if said is None else said)

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Says what the system says about files: in our words, without paths of this machine.

        Permanent where somebody has to do something first, Transient for the rest.
        """
        try:
            yield
        except OSError as error:
            raise self._disk_error(error) from None

    def _disk_error(self, error: OSError) -> OutsideError:
        if error.errno in _FULL:
            needed = "more" if self.size is None else self.size
            return self._full(needed, 0)
        message = messages.UNWRITABLE(file=self.source.name, reason=words(error))
        return Permanent(message) if error.errno in _FINAL else Transient(message)

    def _full(self, needed: object, free: int) -> Permanent:
        return Permanent(messages.NO_SPACE(file=self.source.name, needed=needed, free=max(free, 0)))


def placement(
    source: Source,
    target: Path,
    present: Present,
    access: Access,
    progress: Progress,
    limits: Limits,
) -> Placement:
    """Permanent for checks that no content can meet."""
    size = source.checks.size
    if size is not None and size < 0:
        raise _bad_check(source, "size", str(size), "a size is zero or more")
    digests = {}
    for name in ALGORITHMS:
        given: str | None = getattr(source.checks, name)
        if given is None:
            continue
        try:
            digests[name] = read_digest(name, given)
        except ValueError as error:
            raise _bad_check(source, name, given, str(error)) from None
    return Placement(source, target, present, access, progress, size, digests, limits)


def words(error: OSError) -> str:
    """What the system calls an error, without the path it happened at."""
    text = os.strerror(error.errno) if error.errno else type(error).__name__
    return text[:1].lower() + text[1:]


def _bad_check(source: Source, name: str, value: str, reason: str) -> Permanent:
    place = f"The {name} of {source.name}"
    return Permanent(messages.BAD_VALUE(place=place, value=value[:100], reason=reason))
