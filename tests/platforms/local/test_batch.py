"""Batches end as every Jupyter tool ends them: at the first error that nobody wanted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execution_broker.domain.demand import COMPUTE
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Life, Observation, PlatformContext
from execution_broker.testing.course import Course, until
from tests.platforms.local.documents import cell, document, run, saved

Local = Callable[..., LocalPlatform]


@pytest.mark.parametrize(
    ("tags", "metadata"),
    [
        (("raises-exception",), {}),
        ((), {"execution": {"allow_errors": True}}),
        ((), {"jupyter": {"allow_errors": True}}),
    ],
)
async def test_errors_that_are_wanted_end_nothing(
    local: Local,
    staging: Stage,
    sources: Path,
    context: PlatformContext,
    tags: tuple[str, ...],
    metadata: dict[str, Any],
) -> None:
    wanted = document(
        cell("1 / 0", *tags),
        cell("this is no Python", *tags),
        cell("print('on')"),
        metadata=metadata,
    )
    course = Course(local, staging, saved(sources / "wanted.ipynb", wanted))
    await run(course)
    observation = await course.until_ended()
    assert observation.life is Life.SUCCEEDED, observation
    assert course.output == {"stdout": b"on\n", "stderr": b""}
    await course.release()
    executed = json.loads((context.results / str(course.session) / "wanted.ipynb").read_text())
    names = [output.get("ename") for one in executed["cells"] for output in one["outputs"]]
    assert names == ["ZeroDivisionError", "SyntaxError", None]


async def test_the_first_error_that_is_not_wanted_ends_it(
    local: Local, staging: Stage, sources: Path
) -> None:
    unwanted = document(
        cell("1 / 0", "raises-exception"),
        cell("{}['missing']"),
        cell("print('never')", "raises-exception"),
    )
    course = Course(local, staging, saved(sources / "unwanted.ipynb", unwanted))
    await run(course)
    observation = await course.until_ended()
    assert observation.life is Life.FAILED
    assert [one.message for one in observation.messages] == [
        "The executable ended with status 1. KeyError: 'missing'"
    ]
    assert course.output["stdout"] == b""
    assert b"KeyError" in course.output["stderr"]
    await course.release()


async def test_a_module_that_is_missing_is_told_with_the_package_that_has_it(
    local: Local, staging: Stage, sources: Path
) -> None:
    wanted = document(cell("import numpy, scipy.stats, pandas, astropy, matplotlib\nimport cv2"))
    course = Course(local, staging, saved(sources / "wanted.ipynb", wanted))
    await run(course)
    (message,) = (await course.until_ended()).messages
    assert message.message == (
        "The executable ended with status 1. ModuleNotFoundError: No module named 'cv2'. Add"
        " opencv-python-headless to executable.requirements; or, if it is a file of yours, have it"
        " staged as data."
    )
    await course.release()


OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {
                    "cell_type": "code",
                    "language": "python",
                    "collapsed": False,
                    "metadata": {},
                    "outputs": [],
                    "input": "print(scale)",
                }
            ],
        }
    ],
}


@pytest.mark.parametrize(
    "content",
    [
        OLD,
        document(cell("print(scale)"), metadata={"kernelspec": None, "language_info": None}),
        document(cell("print(scale)"), metadata={"kernelspec": {"name": "x", "display_name": "x"}}),
        document(cell("print(scale)"), metadata={"kernelspec": {"language": "python3"}}),
    ],
    ids=["version 3", "null", "without language", "python3"],
)
async def test_parameters_are_filled_in_whatever_the_metadata_say(
    local: Local, staging: Stage, sources: Path, content: dict[str, Any]
) -> None:
    wanted = saved(sources / "wanted.ipynb", content, parameters={"scale": 2.5})
    course = Course(local, staging, wanted)
    await run(course)
    observation = await course.until_ended()
    assert observation.life is Life.SUCCEEDED, (observation, course.output)
    assert course.output["stdout"] == b"2.5\n"
    await course.release()


async def ended(platform: LocalPlatform, course: Course) -> Observation:
    """How it ended. Of its output only the beginning and the end are kept."""
    return await until(
        lambda: platform.watch(course.order(COMPUTE), {}),
        lambda observation: observation.life is not Life.RUNNING,
    )


async def test_output_of_100_mib_is_waited_for(local: Local, staging: Stage, sources: Path) -> None:
    """Its lines are as many as a notebook would print, not one that is very long."""
    much = document(cell("for _ in range(100): print(('x' * 1023 + chr(10)) * 1024, end='')"))
    course = Course(local, staging, saved(sources / "much.ipynb", much))
    await run(course)
    observation = await ended(local(), course)
    assert observation.life is Life.SUCCEEDED, observation.messages
    await course.release()


async def test_output_that_does_not_come_in_time_is_told_in_one_sentence(
    local: Local, staging: Stage, sources: Path
) -> None:
    slow = document(
        cell("1 / 0", "raises-exception"),
        cell(
            "import time\n"
            "sends = get_ipython().kernel.iopub_thread\n"
            "sends.schedule(lambda: time.sleep(30))\n"
            "print('late')"
        ),
    )
    course = Course(lambda: local(output_wait=1), staging, saved(sources / "slow.ipynb", slow))
    await run(course)
    observation = await ended(local(), course)
    assert observation.life is Life.FAILED, observation
    (message,) = observation.messages
    assert (message.message or "").startswith(
        "The executable ended with status 1. The output of a cell did not come within 1 s"
    )
    await course.release()
