"""Clocks that are wrong: of a database, and of a machine."""

from pathlib import Path
from typing import Final

import asyncpg

FAKETIME: Final = [str(file) for file in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
"""The library that shows a wrong clock to one process, where it is installed."""


def of_machine(wrong: str) -> dict[str, str]:
    """The environment of a process on a machine whose clock is wrong, as faketime has it (`+300s`).
    What it measures by its monotonic clock is right."""
    return {
        "LD_PRELOAD": FAKETIME[0],
        "FAKETIME": wrong,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


async def set_clock(url: str, wrong: str) -> None:
    """Let the clock of a PostgreSQL database be wrong (`-5 minutes`)."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE SCHEMA IF NOT EXISTS wrong")
        await connection.execute(
            "CREATE OR REPLACE FUNCTION wrong.clock_timestamp() RETURNS timestamptz"
            f" LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '{wrong}' $$"
        )
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(
            f'ALTER DATABASE "{name}" SET search_path = wrong, pg_catalog, public'
        )
    finally:
        await connection.close()
