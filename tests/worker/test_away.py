"""A database that goes away and comes back; a disk that is full."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from execution_broker.domain.errors import Unavailable
from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.databases import SERVERS
from tests.harness.serving import server
from tests.harness.waiting import until


async def test_a_database_that_is_away_changes_no_phase_and_is_waited_for(
    tmp_path: Path, on_database: str
) -> None:
    if on_database not in SERVERS:
        pytest.skip("does not apply: SQLite is in the process")
    async with broker(tmp_path) as made, working(made):
        alice = await made.caller("alice")
        uuid = await made.run(alice, request(script={"run": "forever"}, duration="PT1H"))

        async def runs() -> bool:
            return (await made.session(alice, uuid)).phase is SessionPhase.RUNNING

        await until(runs)
        async with away(made):
            for _ in range(3):
                with pytest.raises(Unavailable) as told:
                    await made.session(alice, uuid)
                assert told.value.retry_after > 0
        assert (await made.session(alice, uuid)).phase is SessionPhase.RUNNING
        other = await made.run(alice, request())
        assert (await made.ended(alice, other)).phase is SessionPhase.COMPLETED
        assert await runs()
        await made.set_phase(alice, uuid, "CANCELLED")
        await made.ended(alice, uuid)
        assert [one for one in made.creations() if one[0] == "start" and one[1] == uuid] == [
            ("start", uuid, "compute")
        ]


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, on_database: str) -> None:
    if on_database in SERVERS:
        pytest.skip("does not apply: the disk of a server is its own")
    settings = {"PLATFORMS__HERE__PLUGIN": "scripted"}
    full = {**settings, "DATABASE__URL": f"sqlite:///{tmp_path}/b.sqlite?max_page_count=110"}
    with server(tmp_path, full) as host:
        host.ready()
        with host.client() as client:
            answers: list[httpx.Response] = []
            while not answers or answers[-1].status_code == 303:
                answers.append(client.post("/requests", json=request()))
            (*_, last) = answers
            assert last.status_code == 503, last.text
            assert "Free some disk space" in last.json()["remedy"]
            assert int(last.headers["retry-after"]) > 0
            assert client.get(answers[0].headers["location"]).status_code == 200
        assert any("database-full" in line for line in host.log)
    roomy = {**settings, "DATABASE__URL": f"sqlite:///{tmp_path}/b.sqlite"}
    with server(tmp_path, roomy) as host:
        host.ready()
        with host.client() as client:
            assert client.post("/requests", json=request()).status_code == 303
            for answer in answers[:-1]:
                assert client.get(answer.headers["location"]).status_code == 200


@asynccontextmanager
async def away(made: Broker) -> AsyncIterator[None]:
    """The database takes no connection and has lost all it had."""
    url = made.settings.database.url
    name = url.partition("?")[0].rpartition("/")[2]
    admin = await asyncpg.connect(url.replace(f"/{name}?", "/postgres?"))
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
