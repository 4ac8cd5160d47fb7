"""How a notebook is run: the kernel it gets, and the command that runs it as a batch."""

import asyncio
import contextlib
import json
import keyword
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from execution_broker.domain import messages
from execution_broker.domain.errors import Permanent, Transient
from execution_broker.models.executable import JupyterNotebook
from execution_broker.platforms.local.files import write_json
from execution_broker.platforms.local.launch import Command
from execution_broker.platforms.local.paths import SessionPaths

_RUNNER: Final = Path(__file__).with_name("runner.py")
_PATIENCE: Final = 120.0


def write_kernel(paths: SessionPaths, python: Path) -> None:
    """The kernel `python3` of the session is this Python. Repeatable.

    What serves and what executes notebooks is not: no requirement of a notebook meets it.
    """
    profile = paths.scratch / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    settings = profile / "ipython_kernel_config.py"
    # It speaks of itself on the stderr of the notebook unless it is told not to.
    settings.write_text('get_config().IPKernelApp.log_level = "CRITICAL"\n', "utf-8")
    directory = paths.scratch / "jupyter" / "kernels" / "python3"
    directory.mkdir(parents=True, exist_ok=True)
    write_json(
        directory / "kernel.json",
        {
            "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "metadata": {"debugger": True},
        },
    )


def batch_command(
    paths: SessionPaths, python: Path, notebook: JupyterNotebook, name: str, output_wait: int
) -> Command:
    """Executes the notebook; a signal to interrupt it lets it save what it has."""
    told = ("--told", str(paths.control.told), "--output-wait", str(output_wait))
    return Command([*_runner(paths, python, notebook, paths.work / name), *told], signal.SIGINT)


async def put_in_work(
    paths: SessionPaths,
    python: Path,
    notebook: JupyterNotebook,
    name: str,
    environment: Mapping[str, str],
) -> None:
    """The notebook to work with is in the work directory, its parameters filled in. Repeatable:
    one that is there already may have been changed, and stays."""
    target = paths.work / name
    if target.exists():
        return
    temporary = paths.scratch / name
    if notebook.parameters:
        command = [*_runner(paths, python, notebook, temporary), "--prepare-only"]
        await _run(command, environment)
    else:
        await asyncio.to_thread(lambda: temporary.write_bytes(paths.control.notebook.read_bytes()))
    temporary.replace(target)


def _runner(
    paths: SessionPaths, python: Path, notebook: JupyterNotebook, target: Path
) -> list[str]:
    """Apart from what lies beside it, from where Python would import otherwise."""
    files = (str(paths.control.notebook), str(target))
    return [str(python), "-I", str(_RUNNER), *files, *_write_parameters(paths, notebook)]


def _write_parameters(paths: SessionPaths, notebook: JupyterNotebook) -> list[str]:
    """The options that tell of the parameters."""
    for name in notebook.parameters:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise Permanent(
                messages.BAD_VALUE(
                    place="A name in executable.parameters",
                    value=name,
                    reason="it is no name of a Python variable",
                )
            )
    if not notebook.parameters:
        return []
    paths.control.parameters.write_text(json.dumps(notebook.parameters), "utf-8")
    return ["--parameters", str(paths.control.parameters)]


async def _run(arguments: list[str], environment: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        _, complaint = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        complaint = b"it took too long"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        last = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Transient(messages.PLATFORM_FAILED(what="Filling in the parameters", reason=last))
