"""How much this machine has."""

import os
import shutil
from pathlib import Path

from execution_broker.domain.amounts import CORES, MEMORY, OUTPUTS, STORAGE
from execution_broker.platforms.local.config import LocalConfig
from execution_broker.platforms.local.files import tree_size

_GIB = 1 << 30


def capacity(config: LocalConfig, root: Path, results: Path) -> dict[str, int]:
    """What is offered in all. Reads the whole of both directories unless `storage` is set."""
    return {
        CORES: config.cores or len(os.sched_getaffinity(0)),
        MEMORY: config.memory or max(1, _memory() // _GIB),
        STORAGE: _storage(config, root, results) if config.storage is None else config.storage,
        OUTPUTS: config.outputs_capacity,
        **config.amounts,
    }


def free_bytes(directory: Path) -> int:
    """What is free on the disk of a directory, which need not exist yet."""
    while not directory.exists():
        directory = directory.parent
    return shutil.disk_usage(directory).free


def _storage(config: LocalConfig, root: Path, results: Path) -> int:
    """What sessions and results have taken already is booked, and counts as there."""
    ours = tree_size(root) + tree_size(results)
    promised = (config.outputs_capacity << 20) + config.reserve * _GIB
    return max(0, (free_bytes(root) + ours - promised) // _GIB)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
