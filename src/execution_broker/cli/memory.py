"""How a server that runs for months keeps no more memory than it uses."""

import ctypes
import gc
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 1 << 20
_NEW: Final = 10_000
"""So many new objects, of those that can be part of a cycle, make the collector look at them."""


def give_back_large_blocks() -> None:
    """Let the allocator return blocks of a MiB and more to the system as soon as they are free.

    glibc does so at first, but learns from the first such block to keep the next ones for each
    thread: every check of a password takes 19 MiB, and two threads would hold on to them for ever.
    Elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def spare_what_is_loaded() -> None:
    """Keep the collector of cycles away from what is there already, once everything is loaded: it
    lives as long as the process, and looking through it again and again took a twentieth of the
    time of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW)
