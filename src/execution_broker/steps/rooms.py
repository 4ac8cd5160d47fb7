"""How much may be staged: what the storage of a component is booked for, and no more."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import DataBase

_GIB: Final = 1 << 30
_MIB: Final = 1 << 20


class Room(msgspec.Struct, frozen=True):
    """`size` in bytes. `what` it is, and a `remedy` when it is used up, in words."""

    size: int
    what: str
    remedy: str

    def require(self, file: str, needed: int, others: int, said: object) -> None:
        """Permanent unless `needed` bytes fit beside those of `others`. `said`: what to say is
        needed."""
        left = max(0, self.size - others)
        if needed > left:
            raise Permanent(
                messages.ROOM_USED(
                    file=file, needed=said, left=left, room=self.what, remedy=self.remedy
                )
            )


def room_of_storage(gib: int) -> Room:
    return Room(gib * _GIB, f"the {gib} GiB of its storage", "Ask for more storage.")


def room_of_executable(mebibytes: int) -> Room:
    return Room(
        mebibytes * _MIB,
        f"the {mebibytes} MiB that an executable may have",
        "The operator can raise staging.executable_size.",
    )


def storage_of(resource: DataBase, document: ExecutionSession) -> int | None:
    """The index of the storage that a data resource goes to."""
    wanted = (resource.storage or "").lower()
    uuids = [(one.meta.uuid if one.meta else None) or "" for one in document.storage]
    return next((index for index, uuid in enumerate(uuids) if uuid.lower() == wanted), None)


def others_in(storage: Path, target: Path) -> int:
    """Bytes of all that is in a storage but one file, and what was ever begun of that: the rest of
    an attempt that was cut off takes nothing from the next one."""
    own = re.compile(re.escape(target.name) + "|" + re.escape(f".{target.name}.") + r"\w{16}\.part")
    total = 0
    for entry in _below(storage):
        if not (own.fullmatch(entry.name) and Path(entry.path).parent == target.parent):
            with suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def _below(top: Path) -> Iterator[os.DirEntry[str]]:
    ahead = [os.fspath(top)]
    while ahead:
        with suppress(FileNotFoundError), os.scandir(ahead.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)
                else:
                    yield entry
