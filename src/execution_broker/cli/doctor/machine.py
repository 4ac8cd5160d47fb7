"""What the doctor looks at on the machine: room, permissions, limits, file systems."""

import os
import resource
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from execution_broker.cli.connections.bounds import bounds, descriptors
from execution_broker.cli.doctor.findings import Finding, fail, ok, warn
from execution_broker.config import Http

_LOW_BYTES: Final = 5 << 30
_NO_BYTES: Final = 256 << 20
_LOW_INODES: Final = 20_000
_NO_INODES: Final = 1_000
_FEW_FILES: Final = 1024
_TOO_FEW_FILES: Final = 256
_NETWORK: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.sshfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"}
)
_MOUNTS: Final = Path("/proc/self/mountinfo")


def space(directory: Path) -> Iterator[Finding]:
    """Free bytes and free inodes where the data directory is, or will be."""
    found = os.statvfs(nearest(directory))
    free, all_ = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    words = f"{free / (1 << 30):.1f} GiB free of {all_ / (1 << 30):.0f} GiB at {directory}"
    remedy = "Make room, or move data_directory: sessions, results and the database need it."
    if free < _NO_BYTES:
        yield fail("disk", words, remedy)
    elif free < _LOW_BYTES:
        yield warn("disk", words, remedy)
    else:
        yield ok("disk", words)
    if not found.f_files:
        return  # a file system that does not count them
    words = f"{found.f_favail} free at {directory}"
    if found.f_favail < _NO_INODES:
        yield fail("inodes", words, "Delete small files there, or move data_directory.")
    elif found.f_favail < _LOW_INODES:
        yield warn("inodes", words, "Delete small files there, or move data_directory.")
    else:
        yield ok("inodes", words)


def permissions(
    directory: Path, config: Path | None, database_url: str, secret_files: Iterable[Path]
) -> Iterator[Finding]:
    """Who can write the data directory, and who can read what is secret."""
    name = "permissions"
    faults = [*_directory_faults(directory), *_secret_faults(directory, secret_files)]
    if config is not None:
        faults += _configuration_faults(config, database_url)
    yield from faults or [ok(name, "secrets are readable by nobody else")]


def files(http: Http) -> Finding:
    """How many files this user's processes may have open, as this process may, and so how many
    connections a server may have."""
    soft, hard = descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    allowed = bounds(http, soft).in_all
    words = f"{soft} may be open at a time: {allowed} of {http.connections} connections of clients"
    enough = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    remedy = f"Raise it: ulimit -n {enough}, or LimitNOFILE= of systemd."
    if soft < _TOO_FEW_FILES:
        return fail("open files", words, remedy)
    return warn("open files", words, remedy) if soft < _FEW_FILES else ok("open files", words)


def file_system(path: Path) -> str:
    """The type of the file system that a path is on; empty where the machine does not tell."""
    real = nearest(path).resolve()
    best, found = "", ""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")
        if real.is_relative_to(point) and len(point) >= len(best):
            best, found = point, after.split()[0]
    return found


def is_network(file_system: str) -> bool:
    """Whether other machines may have it mounted too: SQLite's shared memory ends at one."""
    return file_system in _NETWORK


def nearest(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    return next(one for one in (path, *path.parents) if one.exists())


def _directory_faults(directory: Path) -> Iterator[Finding]:
    there = nearest(directory)
    if not os.access(there, os.W_OK | os.X_OK):
        yield fail(
            "permissions",
            f"{there} cannot be written by this user (uid {os.getuid()})",
            "Run as the user that owns it, or change its owner.",
        )
    elif there == directory and stat.S_IMODE(directory.stat().st_mode) & stat.S_IWOTH:
        yield fail(
            "permissions", f"everybody may write in {directory}", f"Run: chmod o-w {directory}"
        )


def _secret_faults(directory: Path, named: Iterable[Path]) -> Iterator[Finding]:
    """The password of the administrator; the database, with hashes and tokens; what a configuration
    has in files of its own."""
    kept = (directory / "admin-password", *sorted(directory.glob("*.sqlite*")))
    for file in dict.fromkeys((*kept, *named)):
        if not file.exists():
            continue
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield fail(
                "permissions",
                f"{file} may be read by others (mode {mode:o})",
                f"Run: chmod 600 {file}; then change what it holds, if others are on this machine.",
            )


def _configuration_faults(config: Path, database_url: str) -> Iterator[Finding]:
    mode = stat.S_IMODE(config.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield fail(
            "permissions",
            f"others may write {config} (mode {mode:o})",
            f"Run: chmod go-w {config}",
        )
    held = ":" in database_url.partition("://")[2].rpartition("@")[0]
    if mode & stat.S_IROTH and held and database_url in config.read_text("utf-8"):
        yield fail(
            "permissions",
            f"{config} holds the database's password and everybody may read it",
            "Put the URL into a file of mode 600 and name it with database.url_file.",
        )
