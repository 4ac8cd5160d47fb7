"""Volumes that are read-only: a notebook that writes them all the same is found out."""

import re
from collections.abc import Callable

import pytest

from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.resources import SimpleData, SimpleVolume
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Life
from execution_broker.testing.course import Course

Local = Callable[..., LocalPlatform]
Notebook = Callable[..., JupyterNotebook]
Data = Callable[[str, bytes], SimpleData]

UNLOCK = "import os, pathlib\nfile = pathlib.Path('in/a.txt').resolve()\nfile.parent.chmod(0o755)\n"
OVERWRITE = "file.chmod(0o644)\nfile.write_bytes(b'other')\n"


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (UNLOCK + OVERWRITE + "os.utime(file, (0, 0))", "expected sha256 .*, found "),
        (UNLOCK + "file.unlink()", "it is gone"),
        (UNLOCK + "file.unlink()\nfile.symlink_to('/etc/passwd')", "it cannot be read any more"),
    ],
    ids=["written", "removed", "replaced"],
)
async def test_a_change_of_a_read_only_file_is_a_fault(
    local: Local, staging: Stage, notebook: Notebook, data: Data, cell: str, told: str
) -> None:
    course = _course(local, staging, notebook(cell), data)
    await course.prepare()
    await course.start()
    assert (await course.until_ended()).life is Life.SUCCEEDED
    await course.stop()
    first = await course.collect()
    (fault,) = first.faults
    assert fault.values["file"] == "/in/a.txt"
    assert re.search(told, fault.message or "")
    assert (await course.collect()).faults == first.faults
    await course.release()
    assert not await course.is_held()


async def test_what_is_touched_and_stays_the_same_is_no_fault(
    local: Local, staging: Stage, notebook: Notebook, data: Data
) -> None:
    cell = UNLOCK + "file.chmod(0o644)\nopen('out/new', 'w').close()\nos.utime(file)"
    course = _course(local, staging, notebook(cell), data)
    await course.prepare()
    await course.start()
    observation = await course.until_ended()
    assert observation.life is Life.SUCCEEDED, observation
    assert (await course.release()).faults == ()


def _course(local: Local, staging: Stage, notebook: JupyterNotebook, data: Data) -> Course:
    volumes = [
        SimpleVolume(path="/in", mode="READONLY", resource="storage"),
        SimpleVolume(path="/out/b.txt", mode="READWRITE", resource="b.txt"),
    ]
    sources = [data("a.txt", b"theirs"), data("b.txt", b"b")]
    return Course(local, staging, notebook, data=sources, volumes=volumes)
