"""The bell on PostgreSQL. Its words may have come when the connection that brought them is cut."""

import asyncio
from typing import Any

import asyncpg

from execution_broker.storage.postgres_bell import Bell
from tests.harness.postgres import PostgresServer


async def test_what_is_heard_while_a_bell_is_closed_disturbs_nobody(
    each_postgres: PostgresServer,
) -> None:
    url = await each_postgres.new_database()
    ringing = await asyncpg.connect(url)
    disturbed: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: disturbed.append(what))
    try:
        for number in range(100):
            listens = asyncio.Event()
            bell = Bell(url, lambda _, listens=listens: listens.set())  # type: ignore[misc]
            bell.listen()
            await listens.wait()
            rung = asyncio.create_task(
                ringing.execute("SELECT pg_notify('execution_broker_steps', '')")
            )
            for _ in range(number):
                await asyncio.sleep(0)
            await bell.close()
            await rung
    finally:
        await ringing.close()
    assert not disturbed
