"""What the log of an installation tells: how far it is, and why it failed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_FETCHED: Final = re.compile(r"Progress (\d+) of (\d+)")
_INSTALLING: Final = "Installing collected packages: "


class HowFar(NamedTuple):
    """So many bytes were fetched; or so many packages are installed, of all that will be."""

    done: int
    total: int | None
    units: str


def how_far(log: str, installed: int) -> HowFar | None:
    """`log` is what pip has said so far (with `--progress-bar raw`), `installed` how many packages
    are in their place. None while nothing can be told."""
    for line in log.splitlines():
        if line.startswith(_INSTALLING):
            total = line.count(",") + 1
            return HowFar(min(installed, total), total, "packages")
    fetched = sum(_fetched(log))
    return HowFar(fetched, None, "bytes") if fetched else None


def words(log: str) -> tuple[str, ...]:
    """Its lines that are for people."""
    lines = (line.strip() for line in log.splitlines())
    return tuple(line for line in lines if line and not _FETCHED.fullmatch(line))


def installed_in(environment: Path) -> int:
    """How many packages are installed in an environment. Quick."""
    return sum(1 for _ in environment.glob("lib/python*/site-packages/*.dist-info"))


def _fetched(log: str) -> Iterator[int]:
    """The bytes of each file that was fetched: one after the other, each from 0 on."""
    done = 0
    for found in _FETCHED.finditer(log):
        now = int(found[1])
        if now < done:
            yield done
        done = now
    yield done
