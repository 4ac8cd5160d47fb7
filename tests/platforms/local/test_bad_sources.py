"""Sources that drip, never end, lie or answer with something else, as a whole broker meets them."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.phases import SessionPhase
from execution_broker.testing.website import Asked, Route, Website, answering, in_turn, website
from tests.harness.asking import starts
from tests.harness.broker import Broker, broker, working
from tests.platforms.local.stand_in import stand_in

CONTENT = b"all the light we saw that night\n" * 2000
SIZE = len(CONTENT)


class Place:
    """A broker with this machine as its platform, and a website for it to read."""

    def __init__(self, made: Broker, site: Website, notebook: dict[str, Any]) -> None:
        self.made = made
        self.site = site
        self.notebook = notebook
        self.sent = 0

    async def run(self, *, duration: str = "PT1H", **checks: Any) -> ExecutionSession:
        """A session with `/a` as its data, in the 1 GiB of storage that is assumed, to its end."""
        alice = await self.made.caller("alice")
        where = self.site.url("/a")
        data = {"kind": kinds.SIMPLE_DATA, "meta": {"name": "night"}, "location": where}
        body = {
            "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **self.notebook},
            "data": [data | ({"checks": checks} if checks else {})],
            "schedule": {"requested": {"duration": duration}},
        }
        return await self.made.ended(alice, await self.made.run(alice, body))

    def asked(self, method: str = "GET") -> int:
        return sum(one.method == method and "range" not in one.headers for one in self.site.asked)

    def sending(self, chunk: bytes, pause: float = 0, head: str = "") -> Route:
        """The same again and again, for as long as anybody reads. Nothing is told before."""

        async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
            is_read = asked.method == "GET" and "range" not in asked.headers
            status = "405 No" if asked.method == "HEAD" else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\n{head if is_read else ''}\r\n".encode())
            while is_read:
                writer.write(chunk)
                await writer.drain()
                self.sent += len(chunk)
                if pause:
                    await asyncio.sleep(pause)

        return route


@asynccontextmanager
async def place(directory: Path, **sections: Any) -> AsyncIterator[Place]:
    python, notebook = stand_in(directory)
    settings: dict[str, Any] = {
        "platforms": {
            "here": {
                "plugin": "local",
                "kernel_python": str(python),
                "grace": 1.0,
                "timings": {"not_here": 1, "executable_here": 0, "storage": 0, "compute": 0},
            }
        },
        "transfers": {"file": {"roots": [str(directory)]}, "http": {"allow": ["127.0.0.1"]}},
        **sections,
    }
    async with website() as site, broker(directory / "data", **settings) as made, working(made):
        yield Place(made, site, notebook)
        left = made.settings.data_directory.glob("platforms/here/sessions/*/broker/*")
        assert list(left) == []


def said(session: ExecutionSession) -> str:
    """All that is said of a session and of its data."""
    (data,) = session.data
    parts = [part.meta.messages for part in (session, data) if part.meta is not None]
    return " ".join(f"{one.level} {one.message}" for messages in parts for one in messages)


async def test_a_source_that_drips_fails_its_session_at_the_promised_end(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.site.routes["/a"] = here.sending(b"x", 0.1, "Content-Length: 100000\r\n")
        session = await here.run(duration="PT1S", size=100_000)
        assert session.phase is SessionPhase.FAILED
        assert "data night" in said(session)
        assert "of 100000 bytes) was not ready" in said(session)
        end = starts(session)[1] + timedelta(seconds=1)
        assert datetime.now(UTC) < end + timedelta(seconds=4)


async def test_a_source_that_drips_is_given_up_long_before(tmp_path: Path) -> None:
    staging = {"least_rate": 100, "rate_window": 1}
    async with place(tmp_path, staging=staging, worker={"attempts": 2, "grace": 0}) as here:
        here.site.routes["/a"] = here.sending(b"x", 0.1, "Content-Length: 100000\r\n")
        session = await here.run(size=100_000)
        assert session.phase is SessionPhase.FAILED
        assert "bytes came in 1 s, and 100 bytes/s are the least" in said(session)
        assert 2 <= here.asked() <= 4


async def test_another_size_than_declared_is_one_fault_at_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.site.routes["/a"] = here.sending(b"x" * 1000, 0.1, "Content-Length: 5000000\r\n")
        session = await here.run(size=4_000_000)
        assert session.phase is SessionPhase.FAILED
        assert "expected 4000000 bytes, found 5000000" in said(session)
        assert here.asked() == 1
        assert here.sent < 100_000


async def test_less_than_declared_is_one_fault_even_of_a_source_that_does_not_take_head(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:

        async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
            status = "200 OK" if asked.method == "GET" else "500 No"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {SIZE}\r\n\r\n".encode() + CONTENT)

        here.site.routes["/a"] = route
        session = await here.run(size=SIZE + 1)
        assert session.phase is SessionPhase.FAILED
        assert f"expected {SIZE + 1} bytes, found {SIZE}" in said(session)
        assert here.asked() == 1


async def test_more_than_its_storage_is_one_fault_before_it_is_read(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.site.routes["/a"] = here.sending(b"x" * 1000, 0.1, "Content-Length: 5000000000\r\n")
        session = await here.run()
        assert session.phase is SessionPhase.FAILED
        told = "night needs 5000000000 bytes, and 1073741824 are left of the 1 GiB of its storage"
        assert f"{told}. Ask for more storage." in said(session)
        assert here.asked() == 1
        assert here.sent < 100_000


async def test_a_notebook_is_bounded_though_no_storage_is_booked_for_it(tmp_path: Path) -> None:
    async with place(tmp_path, staging={"executable_size": 1}) as here:
        body = b'{"nbformat": 4, "metadata": {}, "cells": []}' + b" " * (1 << 20)
        here.site.routes["/a"] = answering(200, CONTENT)
        here.site.routes["/n.ipynb"] = answering(200, body)
        here.notebook = {"location": here.site.url("/n.ipynb"), "checks": {"size": len(body)}}
        session = await here.run(size=SIZE)
        assert session.phase is SessionPhase.FAILED
        told = f"n.ipynb needs {len(body)} bytes, and 1048576 are left of the 1 MiB"
        assert session.meta is not None
        assert any(told in (one.message or "") for one in session.meta.messages)


async def test_a_server_that_encodes_unasked_is_understood(tmp_path: Path) -> None:
    """Data and notebook alike: the latter is read on the way to an answer, too."""
    async with place(tmp_path) as here:
        notebook = b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'
        here.site.routes["/n.ipynb"] = answering(
            200, gzip.compress(notebook), Content_Encoding="gzip"
        )
        here.site.routes["/a"] = answering(200, gzip.compress(CONTENT), Content_Encoding="gzip")
        here.notebook = {"location": here.site.url("/n.ipynb")}
        session = await here.run()
        assert session.phase is SessionPhase.COMPLETED
        assert "WARN night came encoded with gzip, which nobody had asked for" in said(session)
        assert f"night: {SIZE} bytes staged" in said(session)


async def test_a_decompression_bomb_is_stopped_by_the_size_that_was_declared(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        bomb = gzip.compress(bytes(32 << 20))
        here.site.routes["/a"] = answering(200, bomb, Content_Encoding="gzip")
        session = await here.run(size=1 << 20)
        assert session.phase is SessionPhase.FAILED
        assert "expected 1048576 bytes, found more than 1048576, decoded from gzip" in said(session)
        assert here.asked() == 1


async def test_what_is_accepted_but_not_there_yet_is_asked_again(tmp_path: Path) -> None:
    """It is no failure: there is one attempt."""
    async with place(tmp_path, worker={"attempts": 1}) as here:
        later = answering(202, b"<html>Please wait.</html>", Retry_After="1")
        here.site.routes["/a"] = in_turn(later, later, later, answering(200, CONTENT))
        session = await here.run(size=SIZE)
        assert session.phase is SessionPhase.COMPLETED
        assert "INFO night is being made ready at its source (202 Accepted)" in said(session)
        assert said(session).count("202 Accepted") == 1
        assert here.asked() == 4


async def test_a_page_to_sign_in_is_warned_of(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        page = b"<!DOCTYPE html><title>Sign in</title>"
        here.site.routes["/a"] = answering(200, page, Content_Type="text/html; charset=utf-8")
        session = await here.run()
        assert session.phase is SessionPhase.COMPLETED
        assert "WARN night is a web page (HTML), which nobody seems to expect" in said(session)


async def test_why_something_is_tried_again_is_said_at_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.site.routes["/a"] = in_turn(answering(503, Retry_After="0"), answering(200, CONTENT))
        session = await here.run(size=SIZE)
        assert session.phase is SessionPhase.COMPLETED
        assert "WARN prepare-data failed: " in said(session)
        assert "the answer was 503 Service Unavailable." in said(session)
