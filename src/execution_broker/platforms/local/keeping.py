"""Which environments stay: what is used, and of the rest the latest, within limits."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from execution_broker.platforms.local.files import read_json, remove_tree, tree_size, write_json
from execution_broker.platforms.local.installing import locked, log_of

_MARKER: Final = "ready.json"


@dataclass(frozen=True)
class Limits:
    """How many stay, and for how many seconds after their last use; their bytes in all."""

    count: int
    seconds: float
    size: int


def is_ready(directory: Path) -> bool:
    return (directory / _MARKER).exists()


def mark_ready(directory: Path, **about: object) -> None:
    """It is whole, from now on: written last, and removed first."""
    write_json(directory / _MARKER, {**about, "size": tree_size(directory)})


def mark_used(directory: Path) -> None:
    (directory / _MARKER).touch()


def marked(directory: Path) -> Iterator[dict[str, object]]:
    """What is known of each that is ready. Quick."""
    for marker in directory.glob(f"*/{_MARKER}"):
        yield read_json(marker) or {}


def trim(
    places: Iterable[Path], limits: Limits, used: Callable[[], frozenset[str]], now: float
) -> None:
    """Remove what nobody uses and is over a limit, and what was never finished. Repeatable.

    `places` hold environments; `used` tells the names of those that sessions have or are about to
    have, and of what is to stay whatever the limits say. `now` in seconds since 1970. OSError when
    something cannot be removed.
    """
    taken = used()
    every = sorted((one for place in places for one in _kept(place)), reverse=True)
    count = size = 0
    for one in every:
        is_within = (
            now - one.used <= limits.seconds
            and count < limits.count
            and size + one.size <= limits.size
        )
        if one.directory.name in taken or is_within:
            count, size = count + 1, size + one.size
        else:
            _remove(one.directory, used)


@dataclass(frozen=True, order=True)
class _Kept:
    """`used`: when it was last; 0 for what is not ready."""

    used: float
    size: int
    directory: Path


def _kept(place: Path) -> Iterator[_Kept]:
    if not place.is_dir():
        return
    for directory in place.iterdir():
        if directory.is_dir():
            known = read_json(directory / _MARKER) or {}
            try:
                used = (directory / _MARKER).stat().st_mtime
            except OSError:
                used = 0.0
            size = known.get("size", 0)
            yield _Kept(used, size if isinstance(size, int) else 0, directory)


def _remove(directory: Path, used: Callable[[], frozenset[str]]) -> None:
    """Unless somebody makes it or takes it right now: they have its lock, or told before."""
    with locked(directory) as lock:
        if lock is None or directory.name in used():
            return
        (directory / _MARKER).unlink(missing_ok=True)
        remove_tree(directory)
        log_of(directory).unlink(missing_ok=True)
