"""The databases that every storage test runs on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from execution_broker.storage.migrate import upgrade_sqlite
from execution_broker.storage.sqlite import SqliteDatabase


@pytest.fixture(params=["sqlite"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """An empty database with tables. Its `shift` moves its clock."""
    assert request.param == "sqlite"
    path = tmp_path / "broker.sqlite"
    upgrade_sqlite(path)
    opened = SqliteDatabase(path)
    yield opened
    await opened.close()
