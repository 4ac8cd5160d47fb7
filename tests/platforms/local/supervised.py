"""A session's control directory and the shim that watches over what runs for it."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from execution_broker.platforms.local import supervision
from execution_broker.platforms.local.files import read_json, write_json
from execution_broker.platforms.local.paths import Control
from execution_broker.platforms.local.processes import marked
from execution_broker.platforms.local.supervision import Exit, State


@dataclass
class Supervised:
    """One session's control directory, and what is known of what runs for it."""

    control: Control
    marks: dict[str, str]

    def write(self, *command: str) -> None:
        spec: dict[str, Any] = {
            "command": list(command),
            "environment": {"PATH": os.defpath, **self.marks},
            "cwd": str(self.control.directory),
            "stream_limit": 1000,
            "grace": 0.5,
        }
        write_json(self.control.spec, spec)

    async def start(self, *command: str) -> None:
        self.write(*command)
        await supervision.start(self.control, self.marks)

    async def until_printed(self) -> bytes:
        await until(lambda: b"\n" in self.printed())
        return self.printed()

    async def until_ended(self) -> Exit:
        await until(lambda: not isinstance(supervision.state(self.control), State))
        ended = supervision.state(self.control)
        assert isinstance(ended, Exit)
        return ended

    def printed(self, stream: str = "stdout") -> bytes:
        parts = supervision.new_output(self.control, {})
        return b"".join(part.data for part in parts if part.stream == stream)

    def shim(self) -> int:
        found = read_json(self.control.shim)
        assert found is not None
        return int(found["pid"])

    def running(self) -> int:
        return len(marked(self.marks))

    async def stop(self) -> bool:
        return await asyncio.to_thread(supervision.stop, self.control, self.marks, 0.5)


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def stays(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        assert condition()
        await asyncio.sleep(0.01)
