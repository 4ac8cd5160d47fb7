"""Sessions that take more than is theirs: contained, reported, cleaned up."""

import asyncio
import os
import re
from collections.abc import Callable
from uuid import UUID

import pytest

from execution_broker.models.executable import JupyterNotebook
from execution_broker.platforms.local import meter, processes
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Life
from execution_broker.testing.course import Course

Local = Callable[..., LocalPlatform]
Notebook = Callable[..., JupyterNotebook]

HOG = (
    "hoard = []\nfor _ in range(150): hoard.append(bytearray(b'x') * (10 << 20))\nwhile True: pass"
)
BOMB = """
import os, time
end = time.monotonic() + 20
for _ in range(7):  # 128 at the very most, and none of them for long
    os.fork()
while time.monotonic() < end: time.sleep(0.1)
os._exit(0)
"""


@pytest.mark.parametrize("settings", [{}, {"control_groups": False}], ids=["kernel", "metered"])
@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (HOG, r"its \d+ processes used 1\d\d\d MiB of memory: 1024 MiB are booked"),
        (BOMB, r"it had \d+ processes and threads: 60 are the most here"),
    ],
    ids=["memory hog", "fork bomb"],
)
async def test_a_session_that_takes_too_much_is_stopped_and_told_how_much_it_was(
    local: Local,
    staging: Stage,
    notebook: Notebook,
    nothing_runs: Callable[[UUID], bool],
    cell: str,
    complaint: str,
    settings: dict[str, bool],
) -> None:
    course = Course(lambda: local(processes=60, **settings), staging, notebook(cell))
    await course.prepare()
    await course.start()
    observation = await course.until_ended()
    assert observation.life is Life.FAILED
    (message,) = observation.messages
    assert re.search(complaint, message.message or ""), message
    assert nothing_runs(course.session)
    await course.release()
    assert not await course.is_held()


async def test_memory_that_is_shared_counts_once() -> None:
    script = (
        "import os, time\n"
        "shared = bytearray(b'x') * (64 << 20)\n"
        "for _ in range(4):\n"
        "    if not os.fork(): break\n"
        "print(flush=True)\n"
        "time.sleep(1000)\n"
    )
    parent = await asyncio.create_subprocess_exec(
        "python3", "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    for _ in range(5):
        await parent.stdout.readline()
    try:
        me = [p for p in processes.everything() if p.pid == parent.pid]
        family = me + processes.descendants([parent.pid])
        assert len(family) == 5
        assert meter.exceeded(family, 128 << 20, None) is None
        over = meter.exceeded(family, 48 << 20, None)
        assert over is not None
        assert (over.what, over.limit, over.processes) == ("memory", 48 << 20, 5)
        assert 64 << 20 <= over.used <= 128 << 20
        assert meter.exceeded(family, None, 5) is None
        assert meter.exceeded(family, None, 4) == meter.Exceeded("tasks", 5, 4, 5)
        assert meter.tasks_of_user(os.getuid()) >= 5
    finally:
        for process in processes.descendants([parent.pid]):
            os.kill(process.pid, 9)
        parent.kill()
        await parent.wait()
