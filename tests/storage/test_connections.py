"""Connections to a server: never more than there may be, and none that is used twice or was cut."""

import asyncio

import pytest

from execution_broker.storage.postgres_connections import Connections


class Line:
    """A connection that says nothing."""

    def __init__(self) -> None:
        self.is_cut = False

    def is_closed(self) -> bool:
        return self.is_cut

    async def close(self) -> None:
        self.is_cut = True


class Server:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.is_away = False

    async def connect(self) -> Line:
        if self.is_away:
            raise OSError("away")
        self.lines.append(Line())
        return self.lines[-1]

    @property
    def open(self) -> list[Line]:
        return [line for line in self.lines if not line.is_cut]


async def test_so_many_at_most_and_each_for_one_at_a_time() -> None:
    server, used = Server(), set[Line]()
    connections = Connections(server.connect, 3)

    async def use() -> None:
        async with connections.taken() as line:
            assert line not in used
            used.add(line)
            await asyncio.sleep(0)
            used.discard(line)

    await asyncio.gather(*(use() for _ in range(50)))
    assert len(server.lines) == 3
    await connections.close()
    assert server.open == []


async def test_one_that_was_cut_is_replaced() -> None:
    server = Server()
    connections = Connections(server.connect, 1)
    async with connections.taken() as line:
        line.is_cut = True
    async with connections.taken() as other:
        assert other is not line


async def test_who_finds_no_server_or_waits_no_longer_takes_no_place() -> None:
    server = Server()
    connections = Connections(server.connect, 1)
    server.is_away = True
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            await connections.take()
    server.is_away = False
    async with connections.taken():
        waiting = asyncio.create_task(connections.take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with connections.taken():
        assert len(server.lines) == 1


async def test_closing_waits_for_those_in_use_and_what_comes_later_connects_again() -> None:
    server = Server()
    connections = Connections(server.connect, 2)
    async with connections.taken() as line:
        closing = asyncio.create_task(connections.close())
        await asyncio.sleep(0)
        assert not line.is_cut
    await closing
    assert server.open == []
    async with connections.taken():
        assert len(server.open) == 1
