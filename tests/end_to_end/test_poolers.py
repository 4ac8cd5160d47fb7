"""PostgreSQL as others run it: behind a pooler, with TLS, in a schema and by a role of its own."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from execution_broker.cli.exits import Exit
from tests.harness.asking import request
from tests.harness.command import Ended, runner
from tests.harness.pgbouncer import pgbouncer
from tests.harness.postgres import PostgresServer
from tests.harness.serving import first_server, set_phase, wait_for

SCRIPTED = {"PLATFORMS__HERE__PLUGIN": "scripted"}


def command(directory: Path, url: str) -> Callable[..., Ended]:
    return runner({"BROKER__DATA_DIRECTORY": str(directory), "BROKER__DATABASE__URL": url})


def lives_a_session(directory: Path, url: str) -> None:
    """A server over this database answers, and a session runs to its end."""
    with (
        first_server(directory, {**SCRIPTED, "DATABASE__URL": url}) as made,
        made.client() as client,
    ):
        made.ready()
        offers = client.post("/requests", json=request()).json()["offers"]
        uuid = offers[0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        wait_for(client, uuid, "COMPLETED")


def test_a_pooler_that_keeps_sessions_apart_will_do(
    tmp_path: Path, system_postgres: PostgresServer
) -> None:
    with pgbouncer(asyncio.run(system_postgres.new_database()), "session") as url:
        lives_a_session(tmp_path, url)


def test_one_that_shares_sessions_is_refused_with_what_to_do(
    tmp_path: Path, system_postgres: PostgresServer
) -> None:
    with pgbouncer(asyncio.run(system_postgres.new_database()), "transaction") as url:
        for words in ("serve", "api", "worker"):
            with first_server(tmp_path, {"DATABASE__URL": url}, words) as made:
                code = made.process.wait(60)
            _is_told_what_to_do(code, "".join(made.log))
        ended = command(tmp_path, url)("db", "status")
        _is_told_what_to_do(ended.code, ended.err)
        told = command(tmp_path, url)("doctor", "--json")
        assert told.code == Exit.FAILED
        found = {one["name"]: one for one in json.loads(told.out)["findings"]}
        assert found["database"]["state"] == "fail"
        assert "pool_mode = session" in found["database"]["remedy"]


def _is_told_what_to_do(code: int, told: str) -> None:
    assert code == Exit.USAGE, told
    assert "pool_mode = session" in told
    assert "Traceback" not in told


def test_a_role_that_is_no_superuser_in_a_schema_of_its_own(
    tmp_path: Path, system_postgres: PostgresServer
) -> None:
    url = asyncio.run(system_postgres.new_database())
    name = url.partition("?")[0].rpartition("/")[2]
    role = f"role_{name}"
    asyncio.run(
        told(
            url,
            "DROP SCHEMA public CASCADE",
            f"CREATE ROLE {role} LOGIN",
            f"CREATE SCHEMA mine AUTHORIZATION {role}",
        )
    )
    own = url.replace("postgres:@", f"{role}:@") + f"&options={quote('-csearch_path=mine')}"
    run = command(tmp_path, own)
    upgraded = run("db", "upgrade")
    assert upgraded.code == Exit.DONE, upgraded.err
    assert "as they must be" in run("db", "check").out
    lives_a_session(tmp_path, own)
    schemas = asyncio.run(told(url, "SELECT schemaname FROM pg_tables WHERE tablename = 'session'"))
    assert schemas == [("mine",)]


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_server_that_speaks_tls(
    tmp_path: Path, system_postgres: PostgresServer, mode: str
) -> None:
    url = asyncio.run(system_postgres.new_database())
    authority = make_certificate(tmp_path)
    with pgbouncer(url, "session", authority) as pooled:
        address = f"{pooled.replace('127.0.0.1', 'localhost')}?sslmode={mode}"
        trusted = f"{address}&sslrootcert={quote(str(authority))}"
        assert command(tmp_path, trusted)("db", "status").code == Exit.DONE
        lives_a_session(tmp_path, trusted)
        untrusted = command(tmp_path, f"{pooled}?sslmode=verify-full")("db", "status")
        assert (untrusted.code, "Traceback" in untrusted.err) == (Exit.USAGE, False)
        plain = command(tmp_path, f"{pooled}?sslmode=disable")("db", "status")
        assert (plain.code, "Traceback" in plain.err) == (Exit.USAGE, False)


async def told(url: str, *statements: str) -> list[tuple[object, ...]]:
    """What the last of these statements gives."""
    connection = await asyncpg.connect(url)
    try:
        found = [await connection.fetch(one) for one in statements][-1]
        return [tuple(row) for row in found]
    finally:
        await connection.close()


def make_certificate(directory: Path) -> Path:
    """One for localhost that vouches for itself, in a file with its key."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", "server.pem", "-out", "certificate.pem"),
        ],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    pem = directory / "server.pem"
    pem.write_text(pem.read_text() + (directory / "certificate.pem").read_text())
    return pem
