"""PgBouncer before a server of the tests."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

import pytest

Mode = Literal["session", "transaction"]

_USER: Final = "postgres"


@contextmanager
def pgbouncer(url: str, mode: Mode, tls: Path | None = None) -> Iterator[str]:
    """The address of a database through a pooler, which speaks TLS with the certificate and the key
    in the file `tls`, if there is one. Skips where there is no PgBouncer."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("this system has no PgBouncer: apt-get install pgbouncer")
    parts = urlsplit(url)
    server = parse_qs(parts.query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="pb", dir="/tmp") as place, _free_port() as port:
        directory = Path(place)
        (directory / "users").write_text(f'"{_USER}" ""\n')
        (directory / "pgbouncer.ini").write_text(
            f"""[databases]
* = host={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory / "users"}
pool_mode = {mode}
default_pool_size = 30
{_tls(directory, tls)}"""
        )
        as_root = os.geteuid() == 0
        if as_root:
            shutil.chown(directory, _USER)
        who = ["-u", _USER] if as_root else []
        process = subprocess.Popen(
            [program, "--quiet", *who, str(directory / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            yield f"postgresql://{_USER}:@127.0.0.1:{port}{parts.path}"
        finally:
            process.terminate()
            process.wait(20)


def _tls(directory: Path, pem: Path | None) -> str:
    if pem is None:
        return ""
    own = directory / "server.pem"
    shutil.copy(pem, own)
    own.chmod(0o644)
    files = f"client_tls_key_file = {own}\nclient_tls_cert_file = {own}"
    return f"client_tls_sslmode = require\n{files}\n"


@contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    yield port


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline, "PgBouncer did not start"
        time.sleep(0.02)
