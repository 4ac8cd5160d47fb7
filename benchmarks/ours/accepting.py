"""Eight callers of the service accept offers of one platform that is nearly full."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec

from benchmarks import brokers
from benchmarks.program import program
from execution_broker import config, factory
from execution_broker.cli.memory import spare_what_is_loaded
from execution_broker.domain.identity import Role
from execution_broker.models.reading import read_request
from execution_broker.models.update import EnumUpdate
from execution_broker.steps.upkeep import store_report
from execution_broker.storage import auditing, bookings, identities
from execution_broker.storage.database import Connection

_CALLERS: Final = 8


async def prepare(*, file: str, count: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Offer sets that fill the platform to its last core are made first, then accepted, with the
    collector of cycles set as every server sets it."""
    settings = config.load(Path(file), {})
    database = (await factory.database_opener(settings))()
    instance = await factory.open_instance(database, settings)
    services = factory.make_services(database, settings, instance, "http://127.0.0.1:1")

    async def begin(connection: Connection) -> Any:
        now = await connection.clock()
        await identities.add(
            connection,
            uuid=uuid4(),
            username="bench",
            password_hash="!",
            role=Role.USER,
            now=now,
        )
        account = await identities.by_name(connection, "bench")
        assert account is not None
        (place,) = await bookings.platforms(connection)
        assert place.capability is not None
        capacity = {**place.capability.capacity, "cores": count}
        capability = msgspec.structs.replace(place.capability, capacity=capacity)
        await store_report(connection, place.id, capability)
        return account.caller

    caller = await database.write(begin)
    offers: list[UUID] = []
    body = msgspec.json.decode(brokers.body(duration="PT2H"))
    body["compute"]["cores"] = {"min": 1, "max": 1}
    waiting = iter(range(count))

    async def ask() -> None:
        for _ in waiting:
            answer = await services.offers.request(caller, read_request(body))
            if answer.offers:
                meta = answer.offers[0].meta
                assert meta is not None
                offers.append(UUID(str(meta.uuid)))

    await asyncio.gather(*(ask() for _ in range(_CALLERS)))
    spare_what_is_loaded()
    left = iter(offers)
    failed = 0

    async def accept() -> None:
        nonlocal failed
        for uuid in left:
            view = await services.sessions.update(
                uuid, caller, EnumUpdate(path="phase", value="ACCEPTED")
            )
            failed += view.session.phase != "ACCEPTED"

    async def work() -> dict[str, Any]:
        await asyncio.gather(*(accept() for _ in range(_CALLERS)))
        return {"operations": len(offers), "failed": failed}

    async def audited() -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        values = await work()
        seconds = loop.time() - start
        found = await auditing.audit(database)
        return {**values, "seconds": seconds, "findings": len(found.findings)}

    return audited


if __name__ == "__main__":
    program(prepare)
