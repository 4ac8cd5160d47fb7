"""`broker doctor`: what is wrong is found, with what to do about it, and nothing is changed."""

import asyncio
import itertools
import json
import resource
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from execution_broker.cli.exits import Exit
from tests.harness.broker import replica
from tests.harness.clocks import set_clock
from tests.harness.command import Broker, runner
from tests.harness.keys import KEYS
from tests.harness.packages import Packages
from tests.harness.postgres import PostgresServer

Findings = dict[str, tuple[str, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, kernel_python: Path) -> Broker:
    return runner(
        {
            "BROKER__DATA_DIRECTORY": str(data),
            "BROKER__PLATFORMS__LOCAL__KERNEL_PYTHON": str(kernel_python),
        }
    )


def doctor(run: Broker, *arguments: str, **changes: str) -> tuple[int, Findings]:
    ended = run("doctor", *arguments, "--json", **changes)
    found: list[dict[str, Any]] = json.loads(ended.out)["findings"]
    return ended.code, {one["name"]: (one["state"], one["what"], one["remedy"]) for one in found}


def test_a_machine_that_never_ran_a_broker_is_ready_for_one(run: Broker, data: Path) -> None:
    code, found = doctor(run)
    assert code == Exit.DONE, found
    assert {name for name, (state, _, _) in found.items() if state == "fail"} == set()
    assert found["database"][1] == "not there yet: the first start makes it"
    assert found["sealing keys"][1] == "not there yet: the first start makes one"
    assert "jupyter-notebook" in found["platform local"][1]
    assert not data.exists()


def test_every_line_that_is_not_well_has_a_remedy(run: Broker) -> None:
    run("db", "upgrade")
    ended = run("doctor")
    assert ended.code == Exit.DONE
    lines = ended.out.splitlines()
    for line, following in itertools.pairwise(lines):
        if line.startswith(("warn", "fail")):
            assert following.strip().startswith("→")
    assert lines[-1].endswith("0 fail")
    assert "\x1b" not in ended.out
    names = [line.split()[1] for line in lines if line[:2] == "ok"]
    assert {"configuration", "plugins", "database", "integrity", "clock", "workers"} <= set(names)


def test_the_first_start_leaves_all_well(run: Broker) -> None:
    run("db", "upgrade")
    code, found = doctor(run)
    assert code == Exit.DONE
    assert found["workers"][0] == "ok"
    assert found["clock"][0] == "ok"


def test_secrets_that_others_may_read(run: Broker, data: Path) -> None:
    data.mkdir()
    (data / "admin-password").write_text("x")
    (data / "admin-password").chmod(0o644)
    code, found = doctor(run)
    assert code == Exit.FAILED
    state, what, remedy = found["permissions"]
    assert (state, f"chmod 600 {data}/admin-password" in remedy) == ("fail", True)
    assert "may be read by others (mode 644)" in what


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        ('[database]\nurl_file = "{file}"\n', True),
        ('[metrics]\ntoken_file = "{file}"\n', True),
        ('[traces]\nendpoint = "http://127.0.0.1:1"\ntoken_file = "{file}"\n', True),
        (
            '[platforms.test]\nplugin = "simulated"\n[[platforms.test.prices]]\n'
            'type = "urn:x"\nby_hour_file = "{file}"\n',
            False,
        ),
    ],
    ids=["database", "metrics", "traces", "prices"],
)
def test_every_secret_file_that_others_may_read(
    run: Broker, tmp_path: Path, text: str, *, is_secret: bool
) -> None:
    file = tmp_path / "value"
    file.write_text("sqlite" if "url" in text else " ".join(["1"] * 24))
    file.chmod(0o644)
    settings = tmp_path / "broker.toml"
    settings.write_text(text.format(file=file))
    code, found = doctor(run, "--config", str(settings))
    state, what, _ = found["permissions"]
    assert (code == Exit.FAILED, state == "fail", str(file) in what) == (is_secret,) * 3
    file.chmod(0o600)
    code, found = doctor(run, "--config", str(settings))
    assert (code, found["permissions"][0]) == (Exit.DONE, "ok"), found


def test_keys_that_others_may_read_or_that_are_lost(run: Broker, data: Path) -> None:
    asyncio.run(_start(data))
    file = data / "sealing-keys"
    assert doctor(run)[1]["sealing keys"][1].startswith(f"one in {file}, ")
    file.chmod(0o640)
    assert f"chmod 600 {file}" in doctor(run)[1]["permissions"][2]
    file.rename(data / "backup")
    code, found = doctor(run)
    assert code == Exit.FAILED
    state, what, remedy = found["sealing keys"]
    assert (state, " is missing, and this database" in what) == ("fail", True)
    assert f"Put it back into {file} from a backup." in remedy
    assert not file.exists()


async def _start(data: Path) -> None:
    async with replica(data):
        pass


def test_a_configuration_that_others_may_write_or_that_holds_a_password(
    run: Broker, tmp_path: Path
) -> None:
    file = tmp_path / "broker.toml"
    file.write_text('[database]\nurl = "postgresql://broker:secret@127.0.0.1:1/broker"\n')
    file.chmod(0o644)
    code, found = doctor(run, "--config", str(file))
    assert code == Exit.FAILED
    assert "database.url_file" in found["permissions"][2]
    assert found["database"][0] == "fail"
    assert "secret" not in str(found)
    file.chmod(0o666)
    file.write_text("")
    assert "chmod go-w" in doctor(run, "--config", str(file))[1]["permissions"][2]


def test_a_wrong_configuration_is_a_finding_like_others(run: Broker) -> None:
    code, found = doctor(run, BROKER__HTTP__LITSEN="x")
    assert code == Exit.FAILED
    assert "http.litsen" in found["configuration"][1]
    assert "open files" in found


def test_how_many_connections_the_limit_of_open_files_allows(run: Broker) -> None:
    """Some of them are kept for all else."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (800, before[1]))
    try:
        state, what, remedy = doctor(run, BROKER__HTTP__CONNECTIONS="2000")[1]["open files"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (state, what) == (
        "warn",
        "800 may be open at a time: 544 of 2000 connections of clients",
    )
    assert "LimitNOFILE" in remedy


def test_a_broken_plugin_is_a_warning(run: Broker, packages: Packages) -> None:
    packages.add("torn", "transfers", "torn", "import no_such_module_at_all")
    code, found = doctor(run)
    assert code == Exit.DONE
    assert found["plugins"][0] == "warn"
    assert "transfers.torn of torn 1.2" in found["plugins"][1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('no such queue')", "RuntimeError: no such queue"),
        ("raise Transient(messages.PLATFORM_FAILED(what='It', reason='away'))", "It failed: away"),
    ],
)
def test_a_platform_that_cannot_report_is_named(
    run: Broker, packages: Packages, body: str, says: str
) -> None:
    source = f"""
from execution_broker.domain import messages
from execution_broker.domain.errors import Transient
from execution_broker.platforms.local import LocalPlatform
class Plugin(LocalPlatform):
    async def report(self):
        {body}
"""
    packages.add("weary", "platforms", "weary", source)
    code, found = doctor(run, BROKER__PLATFORMS__WEARY__CORES="1")
    assert code == Exit.FAILED
    assert says in found["platform weary"][1]
    assert found["platform local"][0] == "ok"


def test_a_damaged_database(run: Broker, data: Path) -> None:
    run("db", "upgrade")
    file = data / "broker.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    whole = file.read_bytes()
    assert doctor(run)[1]["journal"][0] == "warn"
    file.write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    code, found = doctor(run)
    assert code == Exit.FAILED
    assert "damaged" in found["integrity"][1] if "integrity" in found else found["database"]
    file.write_bytes(b"no database at all" * 1000)
    code, found = doctor(run)
    assert (code, found["database"][0]) == (Exit.FAILED, "fail")


def test_tables_of_another_version(run: Broker, data: Path) -> None:
    run("db", "upgrade")
    with sqlite3.connect(data / "broker.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    code, found = doctor(run)
    assert code == Exit.FAILED
    assert "broker db upgrade" in found["database"][2]


def test_work_that_nobody_does(run: Broker, data: Path) -> None:
    run("db", "upgrade")
    with sqlite3.connect(data / "broker.sqlite") as connection:
        connection.execute(
            "INSERT INTO step (uuid, kind, key, phase, due_at, free_at, payload, created_at)"
            " VALUES (x'00', 'sweep', 'sweep', 'READY', 0, 0, '{}', 0)"
        )
    state, what, remedy = doctor(run)[1]["workers"]
    assert state == "warn"
    assert what.startswith("1 steps are due")
    assert "broker worker" in remedy


async def test_a_server(run: Broker, postgres: PostgresServer) -> None:
    url = await postgres.new_database()
    try:
        await asyncio.to_thread(look_at_server, run, url)
    finally:
        await postgres.drop(url)


def look_at_server(run: Broker, url: str) -> None:
    """The tests' own server has its tables, and gave up safety for speed: that is noticed."""
    code, found = doctor(run, BROKER__DATABASE__URL=url)
    assert code == Exit.FAILED
    bad = [name for name, (state, _, _) in found.items() if state == "fail"]
    assert bad == ["commits", "sealing keys"]
    assert "sealing.keys_file of every server and worker" in found["sealing keys"][2]
    code, found = doctor(run, BROKER__DATABASE__URL=url, BROKER__SEALING__KEYS=KEYS)
    assert found["sealing keys"][:2] == (
        "ok",
        "one given, of-tests seals: keep a copy with the backups of the database",
    )
    assert found["server"][1].startswith("PostgreSQL ")
    assert "file system" not in found


async def test_clocks_that_differ(run: Broker, postgres: PostgresServer) -> None:
    """The server's own clock, in front of which a database has one that is wrong."""
    url = await postgres.new_database()
    try:
        for wrong, state in (("5 seconds", "warn"), ("-5 minutes", "fail")):
            await set_clock(url, wrong)
            found = (await asyncio.to_thread(doctor, run, BROKER__DATABASE__URL=url))[1]
            assert found["clock"][0] == state
            assert "follow NTP" in found["clock"][2]
        assert "-300." in found["clock"][1] or "-299." in found["clock"][1]
    finally:
        await postgres.drop(url)


def test_a_disk_without_room(run: Broker) -> None:
    """As on a file system of the kernel, where nobody can put anything."""
    code, found = doctor(run, BROKER__DATA_DIRECTORY="/proc/sys/broker")
    assert code == Exit.FAILED
    state, what, remedy = found["disk"]
    assert (state, what.startswith("0.0 GiB free")) == ("fail", True)
    assert "move data_directory" in remedy


def test_a_server_that_is_not_there(run: Broker) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://broker:hunter2@127.0.0.1:{free.getsockname()[1]}/x"
        ended = run("doctor", BROKER__DATABASE__URL=url)
    assert ended.code == Exit.FAILED
    assert "the server cannot be used" in ended.out
    assert "hunter2" not in ended.out
