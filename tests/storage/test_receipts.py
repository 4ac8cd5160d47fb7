"""What was made outside: said once, however often it is said (S2, S10)."""

from datetime import timedelta
from typing import Any

from execution_broker.storage import outside
from execution_broker.storage.database import Connection
from execution_broker.storage.outside import Receipt
from tests.storage.rows import a_session

MINUTE = timedelta(minutes=1)


async def test_a_receipt_keeps_when_it_was_intended_and_when_it_was_gone(database: Any) -> None:
    rows = await a_session(database)
    id_, now = rows.session.id, rows.now

    async def work(connection: Connection) -> list[Receipt]:
        for later in (now, now + 3 * MINUTE):
            await outside.intend(connection, id_, rows.platform, "compute", "name", later)
        await outside.made(connection, id_, "compute", "handle", now + MINUTE)
        for later in (now + 2 * MINUTE, now + 4 * MINUTE):
            await outside.gone(connection, id_, "compute", later)
        return await outside.receipts(connection, id_)

    assert await database.write(work) == [
        Receipt("compute", "name", "handle", now, now + MINUTE, now + 2 * MINUTE)
    ]
