"""Programs of npm that tests run beside us: installed once from a lock, then kept."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_INSTALLING: Final = 300
_NAMES: Final = ("package.json", "package-lock.json")


def node_program(directory: Path) -> Path:
    """A directory with the files of this one, and the packages of its lock in node_modules.

    Skips where node or npm is not here; where CI=true that is a failure.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed: apt-get install nodejs npm")
    lock = (directory / "package-lock.json").read_bytes() + (
        directory / "package.json"
    ).read_bytes()
    made = ROOT / ".node" / f"{directory.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not made.exists():
        _install(npm, directory, made)
    for file in directory.glob("*.mjs"):
        shutil.copy(file, made / file.name)
    return made


def _install(npm: str, source: Path, target: Path) -> None:
    """In a directory of its own, which is there only if it is whole."""
    part = target.with_name(f"{target.name}.{os.getpid()}")
    part.mkdir(parents=True)
    for name in _NAMES:
        shutil.copy(source / name, part / name)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=part, capture_output=True, text=True, timeout=_INSTALLING, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if not target.exists():
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
