"""Interactive sessions: a real Jupyter server, let in with its token and nothing else."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest

from execution_broker.domain.demand import COMPUTE
from execution_broker.domain.errors import Permanent
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import Connector
from execution_broker.models.resources import SimpleData, SimpleVolume
from execution_broker.platforms.local import processes
from execution_broker.platforms.local.files import read_json
from execution_broker.platforms.local.platform import LocalPlatform
from execution_broker.ports.data import Stage
from execution_broker.ports.platform import Done, Life, PlatformContext
from execution_broker.testing.course import Course

Notebook = Callable[..., JupyterNotebook]
Local = Callable[..., LocalPlatform]
Data = Callable[[str, bytes], SimpleData]


def interactive(notebook: JupyterNotebook) -> JupyterNotebook:
    """As the standard has it: a notebook without a mode is interactive."""
    return msgspec.structs.replace(notebook, mode=None)


async def prepared(course: Course) -> httpx.URL:
    """Prepare it; the address of its server, with the token."""
    await course.prepare_storage()
    for index, _ in enumerate(course.document.data):
        await course.ask(lambda platform, order: platform.prepare_data(order), f"data/{index}")
    await course.ask(lambda platform, order: platform.prepare_executable(order), "executable")
    done = await course.ask(lambda platform, order: platform.prepare_compute(order), COMPUTE)
    assert done.connectors is not None
    (connector,) = done.connectors
    assert (connector.status, connector.protocol) == ("AVAILABLE", "http")
    assert connector.kind == "urn:execution-broker:connector:jupyter"
    address = httpx.URL(connector.location or "")
    assert address.host == "127.0.0.1"
    assert len(address.params["token"]) > 30
    return address


async def get(address: httpx.URL, path: str, token: str | None) -> httpx.Response:
    return await ask("GET", address.copy_with(path=path, query=None), token)


async def ask(method: str, url: httpx.URL, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"token {token}"}
    async with httpx.AsyncClient(timeout=20, trust_env=False, follow_redirects=True) as client:
        return await client.request(method, url, headers=headers)


def directory_of(course: Course, context: PlatformContext) -> Path:
    (directory,) = context.directory.glob(f"sessions/*/broker/{course.session}")
    return directory


async def test_a_server_is_open_to_who_has_its_token_and_closed_at_the_end(
    local: Local,
    staging: Stage,
    notebook: Notebook,
    data: Data,
    context: PlatformContext,
    nothing_runs: Callable[[UUID], bool],
) -> None:
    written = interactive(notebook("scale = 1", "print(scale)", parameters={"scale": 7}))
    course = Course(
        local,
        staging,
        written,
        data=[data("in.txt", b"theirs")],
        volumes=[SimpleVolume(path="/input", mode="READONLY", resource="in.txt")],
    )
    address = await prepared(course)
    token = address.params["token"]
    assert (await get(address, "/api/contents", None)).status_code == 403
    assert (await get(address, "/api/contents", "another")).status_code == 403
    listed = (await get(address, "/api/contents", token)).json()["content"]
    assert {entry["name"] for entry in listed} == {"notebook.ipynb", "input"}
    assert (await get(address, "/api/contents/input", token)).json()["content"] == "theirs"
    cells = (await get(address, "/api/contents/notebook.ipynb", token)).json()["content"]["cells"]
    assert "scale = 7" in "".join(str(cell["source"]) for cell in cells)
    page = await ask("GET", address)
    assert (page.status_code, page.url.path) == (200, "/lab/tree/notebook.ipynb")
    await course.start()
    assert (await course.watch()).life is Life.RUNNING
    again = await course.ask(lambda platform, order: platform.prepare_compute(order), COMPUTE)
    assert again.connectors is not None
    assert again.connectors[0].location == str(address)
    _token_is_nowhere_else(token, course, context)

    stopped = await local().release_compute(course.order(COMPUTE))
    assert isinstance(stopped, Done)
    closed = Connector(
        kind="urn:execution-broker:connector:jupyter", status="FINISHED", protocol="http"
    )
    assert stopped.connectors == (closed,)
    with pytest.raises(httpx.ConnectError):
        await get(address, "/api", None)
    assert nothing_runs(course.session)
    collected = await course.release()
    assert [kept.path for kept in collected.outputs] == ["notebook.ipynb"]
    assert not await course.is_held()


def _token_is_nowhere_else(token: str, course: Course, context: PlatformContext) -> None:
    directory = directory_of(course, context)
    for process in processes.marked({"BROKER_SESSION": str(course.session)}):
        told = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert token.encode() not in told
        assert not any(token.encode() in value for value in processes.environment(process))
    holding = [
        file.relative_to(directory)
        for file in directory.rglob("*")
        if file.is_file() and token.encode() in file.read_bytes()
    ]
    for file in holding:
        modes = (directory / file).stat().st_mode, (directory / file.parent).stat().st_mode
        assert any(mode & 0o077 == 0 for mode in modes), file
    assert Path("control/token") in holding
    assert {str(file.parent) for file in holding} <= {"control", "scratch/jupyter/runtime"}
    assert directory.stat().st_mode & 0o077 == 0


async def test_kernels_have_what_the_session_has_and_how_long_it_is_idle_is_seen(
    local: Local, staging: Stage, notebook: Notebook
) -> None:
    course = Course(local, staging, interactive(notebook("x = 1")))
    address = await prepared(course)
    token = address.params["token"]
    await course.start()
    assert (await course.watch()).life is Life.RUNNING
    kernel = await ask("POST", address.copy_with(path="/api/kernels", query=None), token)
    assert kernel.status_code == 201
    idle = await course.watch_until(lambda observation: observation.idle > 2)
    assert idle.life is Life.RUNNING
    used = await ask("POST", address.copy_with(path="/api/kernels", query=None), token)
    assert used.status_code == 201
    await course.watch_until(lambda observation: observation.idle < idle.idle)
    await course.release()


async def test_a_server_that_is_shut_down_has_finished_and_one_that_dies_has_failed(
    local: Local, staging: Stage, notebook: Notebook, context: PlatformContext
) -> None:
    course = Course(local, staging, interactive(notebook("x = 1")))
    address = await prepared(course)
    await course.start()
    shutdown = address.copy_with(path="/api/shutdown", query=None)
    answer = await ask("POST", shutdown, address.params["token"])
    assert answer.status_code == 200
    assert (await course.until_ended()).life is Life.SUCCEEDED
    await course.release()

    course = Course(local, staging, interactive(notebook("x = 1")))
    await prepared(course)
    (server,) = (directory_of(course, context) / "scratch/jupyter/runtime").glob("jpserver-*.json")
    os.kill(json.loads(server.read_text())["pid"], signal.SIGKILL)
    await course.start()
    observation = await course.until_ended()
    assert (observation.life, observation.status) == (Life.FAILED, 137)
    await course.release()


async def test_a_server_whose_port_was_taken_meanwhile_says_so(
    local: Local, staging: Stage, notebook: Notebook, context: PlatformContext, tmp_path: Path
) -> None:
    """Other settings than the session's own say which port: one that another server has."""
    first = Course(local, staging, interactive(notebook("x = 1")))
    port = (await prepared(first)).port
    settings = {"ServerApp": {"port": port, "port_retries": 0, "allow_root": True}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    second = Course(
        lambda: local(environment={"JUPYTER_CONFIG_DIR": str(tmp_path)}),
        staging,
        interactive(notebook("x = 1")),
    )
    with pytest.raises(Permanent, match=rf"did not start: .*{port} is not available"):
        await prepared(second)
    assert read_json(directory_of(second, context) / "control" / "exit.json") is not None
    await second.release()
    await first.release()


async def test_a_server_that_cannot_be_run_says_so(
    local: Local, staging: Stage, notebook: Notebook
) -> None:
    course = Course(
        lambda: local(environment={"PYTHONHOME": "/there/is/none"}),
        staging,
        interactive(notebook("x = 1")),
    )
    with pytest.raises(Permanent, match="The Jupyter server did not start: it ended with status 1"):
        await prepared(course)
    await course.release()
