"""What the doctor looks at in the database: is it there, as it must be, and does anybody work."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from execution_broker.cli.doctor.capacity import capacity
from execution_broker.cli.doctor.findings import Finding, fail, ok, warn
from execution_broker.cli.doctor.machine import file_system, is_network
from execution_broker.config import Settings
from execution_broker.domain.errors import BrokerError
from execution_broker.factory import examining
from execution_broker.factory.keys import keys_file
from execution_broker.storage.health import PostgresHealth, Queue, SqliteHealth

_OLDEST_SERVER: Final = 150000
_FEW_CONNECTIONS: Final = 20
_LATE: Final = timedelta(seconds=60)
_SKEW: Final = timedelta(seconds=2)
_FAR: Final = timedelta(seconds=60)


async def database(settings: Settings) -> list[Finding]:
    """Several lines. A database that is not there yet is well: the first start makes it."""
    try:
        state = await examining.database_state(settings)
        health = await examining.database_health(settings)
    except BrokerError as error:
        return [fail("database", error.sentence, error.remedy)]
    if health is None:
        found = ok("database", "not there yet: the first start makes it")
        return [found, await _sealing(settings)]
    findings = [_revision(state.revision, state.needed), *_health(health)]
    findings.append(await _sealing(settings))
    if state.is_current:
        queue = await examining.database_queue(settings)
        findings += [_clock(queue), *_workers(queue), *await capacity(settings)]
    return findings


async def _sealing(settings: Settings) -> Finding:
    try:
        names = await examining.sealing_keys(settings)
    except BrokerError as error:
        return fail("sealing keys", error.sentence, error.remedy)
    if not names:
        return ok("sealing keys", "not there yet: the first start makes one")
    where = "given" if settings.sealing.keys is not None else f"in {keys_file(settings)}"
    number = "one" if len(names) == 1 else str(len(names))
    words = f"{number} {where}, {names[-1]} seals: keep a copy with the backups of the database"
    return ok("sealing keys", words)


def _revision(found: str | None, needed: str) -> Finding:
    if found == needed:
        return ok("database", f"reached, its tables are at revision {needed}")
    return fail(
        "database", f"its tables are at revision {found}, not {needed}", "Run `broker db upgrade`."
    )


def _health(health: SqliteHealth | PostgresHealth) -> Iterator[Finding]:
    if isinstance(health, PostgresHealth):
        yield from _server(health)
        return
    kind = file_system(health.path)
    if is_network(kind):
        yield fail(
            "file system",
            f"{health.path} is on {kind}, where SQLite can lose what it has promised",
            "Move data_directory to a disk of this machine, or use PostgreSQL.",
        )
    else:
        yield ok("file system", f"{kind or 'of unknown type'}, with SQLite")
    if health.journal != "wal":
        yield warn(
            "journal",
            f"the journal of SQLite is {health.journal}, not wal",
            "Start the broker once: it sets it. If it stays, another program changes it.",
        )
    if health.complaints:
        yield fail(
            "integrity",
            f"the database is damaged: {'; '.join(health.complaints)}",
            "Stop the broker and restore the file from its newest backup.",
        )
    else:
        yield ok("integrity", "quick check passed")


def _server(health: PostgresHealth) -> Iterator[Finding]:
    version = f"PostgreSQL {health.version // 10000}.{health.version % 10000}"
    if health.version < _OLDEST_SERVER:
        yield fail("server", version, "Upgrade it to 15 or later.")
    else:
        yield ok("server", version)
    if not health.is_safe:
        yield fail(
            "commits",
            "synchronous_commit is off: a crash can lose an offer that was promised",
            "Set synchronous_commit = on for this database.",
        )
    if health.connections < _FEW_CONNECTIONS:
        yield warn(
            "connections",
            f"the server takes {health.connections} connections; each process may use 11",
            "Raise max_connections.",
        )


def _clock(queue: Queue) -> Finding:
    skew = queue.now - datetime.now(UTC)
    words = f"the database's is {skew.total_seconds():+.1f} s from this machine's"
    remedy = "Let both machines follow NTP; leases and offers go by the database's."
    if abs(skew) > _FAR:
        return fail("clock", words, remedy)
    return warn("clock", words, remedy) if abs(skew) > _SKEW else ok("clock", words)


def _workers(queue: Queue) -> Iterator[Finding]:
    late = queue.now - queue.oldest if queue.oldest else timedelta()
    if late > _LATE:
        yield warn(
            "workers",
            f"{queue.overdue} steps are due, the oldest for {late.total_seconds():.0f} s",
            "Start a worker (`broker worker` or `broker serve`), or one more.",
        )
    elif queue.lapsed:
        yield warn(
            "workers",
            f"{queue.lapsed} steps have lost their worker",
            "They go on by themselves; if this number stays, no worker serves their platforms.",
        )
    else:
        yield ok("workers", "no work is waiting for one")
