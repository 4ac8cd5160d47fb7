"""The outputs that a simulated session leaves: files of the configured sizes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from execution_broker.domain import messages
from execution_broker.ports.platform import Collected, Kept

_LINE: Final = b"simulated\n"


def content(size: int) -> bytes:
    """What an output of so many bytes has in it."""
    return (_LINE * (size // len(_LINE) + 1))[:size]


def keep(directory: Path, results: Mapping[str, int], limit: int) -> Collected:
    """Write them, at most `limit` MiB in all. Repeatable: the same every time."""
    kept: list[Kept] = []
    dropped: list[str] = []
    free = limit << 20
    for name, size in sorted(results.items()):
        if size > free:
            dropped.append(name)
            continue
        free -= size
        made = content(size)
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made)
        kept.append(Kept(name, size, hashlib.sha256(made).hexdigest()))
    if not dropped:
        return Collected(outputs=tuple(kept))
    told = messages.OUTPUTS_TOO_LARGE(limit=limit, dropped=", ".join(dropped))
    return Collected(outputs=tuple(kept), messages=(told,))
