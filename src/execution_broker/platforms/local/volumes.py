"""Volumes: storage and data where the notebook looks for them.

A volume at `/data/in` is a link at `work/data/in` to the directory of a storage resource or to the
file of a data resource, and BROKER_VOLUME_<NAME> holds its path.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent
from execution_broker.domain.naming import variables
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.resources import SimpleVolume
from execution_broker.platforms.local.paths import SessionPaths


class Mount(msgspec.Struct, frozen=True):
    """`index` is its place in the request; `place` is relative to the work directory. `target` is a
    file or a directory."""

    index: int
    name: str
    place: PurePosixPath
    target: Path
    writable: bool


def mounts_of(
    document: ExecutionSession, paths: SessionPaths, data: dict[str, Path]
) -> list[Mount]:
    """The volumes of a session, outer ones first. `data`: files by the uuid of their resource.

    Permanent for a volume that cannot be.
    """
    targets = {uuid: paths.storage(n, uuid) for n, uuid in enumerate(_storages(document))} | data
    volumes = document.compute.volumes if document.compute else ()
    mounts = [_mount(n, volume, targets) for n, volume in enumerate(volumes)]
    return sorted(mounts, key=lambda mount: len(mount.place.parts))


def put_in_place(mounts: Sequence[Mount], work: Path, taken: str) -> None:
    """Make the links, and what is read-only so. Repeatable.

    Permanent when two are in one place, or one where the notebook is to be, at `taken`.
    """
    for mount in mounts:
        if mount.place.parts[0] == taken:
            raise _occupied(mount)
        link = work / mount.place
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(mount.target)
        except (FileExistsError, NotADirectoryError):
            if not link.exists() or not link.samefile(mount.target):
                raise _occupied(mount) from None
    writable = {mount.target for mount in mounts if mount.writable}
    for mount in mounts:
        if mount.target not in writable:
            _write_protect(mount.target, writable)


def lift_protection(storage: Path) -> None:
    """Let files be removed from a storage that was mounted read-only."""
    with contextlib.suppress(FileNotFoundError):
        storage.chmod(0o755)


def variables_of(mounts: Sequence[Mount], work: Path) -> dict[str, str]:
    """Environment variables that say where the volumes are. Of volumes whose names would give the
    same one, the first in the request has it."""
    asked = sorted(mounts, key=lambda mount: mount.index)
    names = variables("BROKER_VOLUME", (mount.name for mount in asked))
    return {name: str(work / mount.place) for name, mount in zip(names, asked, strict=True)}


def _storages(document: ExecutionSession) -> Iterator[str]:
    for storage in document.storage:
        yield (storage.meta.uuid if storage.meta else None) or ""


def _mount(index: int, volume: SimpleVolume, targets: dict[str, Path]) -> Mount:
    name = (volume.meta.name if volume.meta else None) or str(index)
    target = targets.get((volume.resource or "").lower())
    if target is None:
        raise Permanent(
            messages.UNKNOWN_REFERENCE(
                place=f"Volume {name}",
                reference=volume.resource,
                target="storage or data",
                known=", ".join(targets) or "none",
            )
        )
    parts = [part for part in (volume.path or "").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in (volume.path or ""):
        raise Permanent(
            messages.BAD_VALUE(
                place=f"The path of volume {name}",
                value=volume.path or "empty",
                reason="it must name a place below /, without ..",
            )
        )
    return Mount(index, name, PurePosixPath(*parts), target, volume.mode != "READONLY")


def _occupied(mount: Mount) -> Permanent:
    return Permanent(
        messages.BAD_VALUE(
            place=f"The path of volume {mount.name}",
            value=f"/{mount.place}",
            reason="something else is there already",
        )
    )


def _write_protect(target: Path, writable: set[Path]) -> None:
    if not target.is_dir():
        target.chmod(0o444)
        return
    for file in target.iterdir():
        if file.is_file() and not file.is_symlink() and file not in writable:
            file.chmod(0o444)
    target.chmod(0o555)
