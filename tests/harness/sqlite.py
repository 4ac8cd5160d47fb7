"""SQLite files with tables: copies of one that was migrated once in this process."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from execution_broker.storage.migrate import upgrade_sqlite


def with_tables(path: Path) -> None:
    """What a first start makes of this file. Does nothing where there is one."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "broker.sqlite"
        upgrade_sqlite(path)
        return path.read_bytes()
