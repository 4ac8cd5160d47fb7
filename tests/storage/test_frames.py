"""What a worker remembers of sessions is bounded by its length, and right all the same."""

import json
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from execution_broker.models import kinds
from execution_broker.storage.database import Connection
from execution_broker.storage.frames import Frames

_NOW = datetime(2025, 1, 1, tzinfo=UTC)
_EXECUTABLE = {"kind": kinds.DOCKER_CONTAINER, "image": {"locations": ["simulated://image"]}}
_DOCUMENT = json.dumps({"executable": _EXECUTABLE})


class _Table:
    """Answers the one statement of it, and counts the rows that were asked for."""

    def __init__(self, length: int) -> None:
        self.read = 0
        self._length = length

    async def rows(self, _statement: str, /, *, ids: list[int]) -> list[dict[str, Any]]:
        self.read += len(ids)
        return [_row(id_, self._length) for id_ in ids]


@pytest.mark.parametrize(("length", "again"), [(1000, 0), (1 << 20, 10)])
async def test_the_longer_they_are_the_fewer_are_kept(length: int, again: int) -> None:
    table, frames = _Table(length), Frames()
    connection = cast("Connection", table)
    for _ in range(2):
        for id_ in range(10):
            found = await frames.of(connection, {id_: UUID(int=id_)})
            assert found[id_].uuid == UUID(int=id_)
    assert table.read == 10 + again


async def test_more_at_once_than_are_kept_are_all_found() -> None:
    table, frames = _Table(1 << 20), Frames()
    found = await frames.of(cast("Connection", table), {id_: UUID(int=id_) for id_ in range(10)})
    assert sorted(found) == list(range(10))


def _row(id_: int, length: int) -> dict[str, Any]:
    return {
        "id": id_,
        "uuid": UUID(int=id_),
        "offerset_id": 1,
        "identity_id": 1,
        "owner": "alice",
        "place": "here",
        "platform_id": 1,
        "plans": "x" * length,
        "document": _DOCUMENT,
        "asked": None,
        "created_at": _NOW,
        "expires_at": _NOW,
        "has_secrets": False,
    }
