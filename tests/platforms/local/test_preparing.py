"""Preparing: what cannot be had is refused with the reason, before anything runs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from execution_broker.domain.errors import OutsideError, Permanent, Transient
from execution_broker.models import kinds
from execution_broker.models.executable import DockerContainer, JupyterNotebook
from execution_broker.models.resources import SimpleData, SimpleVolume
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import PlatformContext
from execution_broker.steps.rooms import Room
from execution_broker.steps.staging import Staging
from execution_broker.testing.course import Course
from tests.platforms.local.documents import saved

Local = Callable[..., LocalPlatform]
Notebook = Callable[..., JupyterNotebook]
Data = Callable[[str, bytes], SimpleData]


async def test_the_report_follows_the_configuration(local: Local) -> None:
    own = await local(cores=3, memory=7, storage=11, outputs_capacity=13, outputs=2).report()
    assert own.capacity == {"cores": 3, "memory": 7, "storage": 11, "outputs": 13}
    assert own.outputs == 2
    assert own.schemes == frozenset({"file"})
    assert own.data == frozenset({kinds.SIMPLE_DATA})
    (notebooks,) = own.executables
    assert notebooks.kind == kinds.JUPYTER_NOTEBOOK
    assert notebooks.modes == ("INTERACTIVE", "BATCH")
    measured = await local(outputs_capacity=0, reserve=1 << 20).report()
    assert measured.capacity["storage"] == 0
    assert measured.capacity["memory"] >= 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json", "it is no JSON object"),
        ('{"nbformat": 2, "worksheets": []}', "its nbformat is 2"),
        ('{"nbformat": 4, "metadata": {}}', "it has no cells"),
    ],
)
async def test_what_is_no_notebook_is_refused(
    local: Local, staging: Stage, sources: Path, text: str, reason: str
) -> None:
    file = sources / "thing.ipynb"
    file.write_text(text)
    course = Course(local, staging, JupyterNotebook(location=file.as_uri(), mode="BATCH"))
    with pytest.raises(Permanent, match=f"thing.ipynb is no Jupyter notebook .*{reason}"):
        await course.prepare()
    await course.release()


async def test_another_language_is_refused(local: Local, staging: Stage, sources: Path) -> None:
    document = {"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "R"}}}
    course = Course(local, staging, saved(sources / "thing.ipynb", document))
    with pytest.raises(Permanent, match="in the language R; here runs those in python"):
        await course.prepare()
    await course.release()


async def test_other_executables_are_refused(local: Local, staging: Stage) -> None:
    with pytest.raises(Permanent, match="cannot run The executable of kind"):
        await Course(local, staging, DockerContainer()).prepare()


async def test_a_parameter_must_be_a_variable(
    local: Local, staging: Stage, notebook: Notebook
) -> None:
    course = Course(local, staging, notebook("x = 1", parameters={"import os; x": 1}))
    with pytest.raises(Permanent, match="it is no name of a Python variable"):
        await course.prepare()


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (["/a/../../b"], r"without \.\."),
        (["/"], "it must name a place below /"),
        (["notebook.ipynb"], "something else is there already"),
        (["/input", "/input/deeper"], "something else is there already"),
    ],
)
async def test_volumes_stay_where_they_belong(
    local: Local, staging: Stage, notebook: Notebook, data: Data, paths: list[str], reason: str
) -> None:
    volumes = [SimpleVolume(path=path, resource="a.txt") for path in paths]
    course = Course(local, staging, notebook("x = 1"), data=[data("a.txt", b"a")], volumes=volumes)
    with pytest.raises(Permanent, match=reason):
        await course.prepare()
    await course.release()
    assert not await course.is_held()


async def test_more_storage_than_there_is_waits_for_room(
    local: Local, staging: Stage, notebook: Notebook
) -> None:
    course = Course(local, staging, notebook("x = 1"), storage=1 << 30)
    with pytest.raises(Transient, match="storage/0 needs"):
        await course.prepare()


async def test_data_belongs_to_the_session_alone(
    local: Local, staging: Stage, notebook: Notebook, data: Data, context: PlatformContext
) -> None:
    """Nothing here can keep a notebook from writing, so no session gets the cache's own file."""
    resource = data("a.txt", b"content")
    for _ in range(2):
        course = Course(local, staging, notebook("x = 1"), data=[resource])
        await course.prepare()
    files = list(context.directory.glob("sessions/*/broker/*/storage/*/*"))
    assert [file.name for file in files] == ["a.txt", "a.txt"]
    assert [file.stat().st_nlink for file in files] == [1, 1]


async def test_all_data_in_a_storage_shares_what_it_was_booked_for(
    local: Local, staging: Staging, notebook: Notebook, data: Data
) -> None:
    both = [data("a.txt", b"x" * 600), data("b.txt", b"x" * 600)]
    for size, fits in ((1200, True), (1199, False)):
        stage = staging.within(Room(size, "what is booked", "Ask for more."))
        course = Course(local, stage, notebook("x = 1"), data=both)
        if fits:
            await course.prepare()
        else:
            with pytest.raises(Permanent, match=r"b\.txt needs 600 bytes, and 599 are left"):
                await course.prepare()
        await course.release()


async def test_a_disk_that_fails_may_be_tried_again(
    local: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    context.directory.parent.mkdir(exist_ok=True)
    context.directory.write_text("in the way")
    with pytest.raises(OutsideError, match="Making the storage failed: Not a directory"):
        await Course(local, staging, notebook("x = 1")).prepare()


@pytest.mark.parametrize("how", ["closed", "removed"])
async def test_what_became_of_its_directory_keeps_no_session(
    local: Local, staging: Stage, notebook: Notebook, context: PlatformContext, how: str
) -> None:
    """A notebook can do to its directory what the broker can."""
    course = Course(local, staging, notebook("x = 1"))
    await course.prepare()
    (directory,) = context.directory.glob(f"sessions/*/broker/{course.session}")
    if how == "closed":
        for path in (directory / "control", directory / "storage", directory):
            path.chmod(0)
    else:
        shutil.rmtree(directory)
    assert await course.is_held()
    await course.release()
    assert not await course.is_held()
    assert not directory.exists()
