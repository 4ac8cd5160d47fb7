"""The control groups that this machine has of a session."""

import os
from pathlib import Path
from uuid import UUID

_TREES = Path("/sys/fs/cgroup")


def control_groups(session: UUID) -> list[Path]:
    """Their directories, in whatever tree."""
    name = f"execution-broker-{session}"
    return [Path(place) / name for place, names, _ in os.walk(_TREES) if name in names]
