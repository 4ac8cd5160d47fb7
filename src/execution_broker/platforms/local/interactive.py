"""Interactive sessions: a Jupyter server of the session's own, which lets in who has its token.

The server listens on the loopback interface alone. Its token is in a file that only the broker's
user reads, and in the connector of the session: never in arguments, variables, logs or messages.
"""

import os
import secrets
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec

from execution_broker.models.execution import Connector
from execution_broker.platforms.local.files import read_json, read_regular, write_json
from execution_broker.platforms.local.launch import Command
from execution_broker.platforms.local.paths import SessionPaths

CONNECTOR: Final = "urn:execution-broker:connector:jupyter"
_HOST: Final = "127.0.0.1"
_TIMEOUT: Final = httpx.Timeout(2.0)
T = TypeVar("T")


class Server(msgspec.Struct, frozen=True):
    """What a server says of itself once it listens."""

    port: int


class _Version(msgspec.Struct, frozen=True):
    version: str


class _Kernel(msgspec.Struct, frozen=True):
    execution_state: str = ""


class _Status(msgspec.Struct, frozen=True):
    last_activity: datetime


def server_command(paths: SessionPaths, python: Path, page: str | None) -> Command:
    """Serves the work directory. `page` is the path that is shown first. Writes its settings and,
    once, its token. OSError when there is no port to be had."""
    _write_token(paths.control.token)
    settings: dict[str, Any] = {
        "ip": _HOST,
        "port": _free_port(),
        "port_retries": 0,
        "open_browser": False,
        "allow_root": True,
        "root_dir": str(paths.work),
    }
    if page is not None:
        settings["default_url"] = page
    directory = paths.scratch / "jupyter"
    directory.mkdir(exist_ok=True)
    paths.runtime.mkdir(mode=0o700, exist_ok=True)  # the server writes its token there too
    write_json(
        directory / "jupyter_server_config.json",
        {
            "Application": {"log_level": "WARN"},
            "LanguageServerManager": {"autodetect": False},  # it would run what it finds
            "ServerApp": settings,
        },
    )
    variables = {"JUPYTER_TOKEN_FILE": str(paths.control.token)}
    return Command([str(python), "-m", "jupyter_server"], signal.SIGTERM, variables)


async def connector(paths: SessionPaths) -> Connector | None:
    """The way in, once the server answers."""
    server = _server(paths)
    if server is None or await _ask(paths, server, "/api", _Version) is None:
        return None
    address = f"http://{_HOST}:{server.port}/?token={_token(paths)}"
    return Connector(kind=CONNECTOR, status="AVAILABLE", protocol="http", location=address)


def closed() -> Connector:
    """What is left to be told of a server that is gone."""
    return Connector(kind=CONNECTOR, status="FINISHED", protocol="http")


async def quiet_for(paths: SessionPaths) -> timedelta:
    """How long nothing has been done; nothing while a kernel works or the server does not say."""
    server = _server(paths)
    if server is None:
        return timedelta(0)
    kernels = await _ask(paths, server, "/api/kernels?no_track_activity=1", list[_Kernel])
    status = await _ask(paths, server, "/api/status", _Status)
    if kernels is None or status is None or any(k.execution_state == "busy" for k in kernels):
        return timedelta(0)
    return datetime.now(UTC) - status.last_activity


def _write_token(path: Path) -> None:
    if not path.exists():
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.write(secrets.token_urlsafe(32))
        temporary.replace(path)


def _token(paths: SessionPaths) -> str:
    return (read_regular(paths.control.token, 1 << 10) or b"").decode("ascii", "replace")


def _free_port() -> int:
    """A port that is free now. Should another process be quicker, the server says so and ends."""
    with socket.socket() as found:
        found.bind((_HOST, 0))
        port: int = found.getsockname()[1]
        return port


def _server(paths: SessionPaths) -> Server | None:
    """What the server has written down once it had its port; a notebook could have written it."""
    for file in paths.runtime.glob("jpserver-*.json"):
        try:
            return msgspec.convert(read_json(file), Server)
        except msgspec.ValidationError:
            continue
    return None


async def _ask(paths: SessionPaths, server: Server, path: str, kind: type[T]) -> T | None:
    """An answer of the server; None when there is none, or one that makes no sense."""
    headers = {"Authorization": f"token {_token(paths)}"}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
            answer = await client.get(f"http://{_HOST}:{server.port}{path}", headers=headers)
        if answer.status_code != httpx.codes.OK:
            return None
        return msgspec.json.decode(answer.content, type=kind)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, OverflowError):
        return None
