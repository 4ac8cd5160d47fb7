"""Calendars kept in memory: what runs counts in them, whatever is forgotten or put back (B4)."""

from datetime import timedelta
from pathlib import Path

from execution_broker.storage import auditing
from tests.harness.asking import first_start, request
from tests.harness.broker import Broker, broker

ONE = {"offers": 1}
SCARCE = {"here": {"plugin": "scripted", "cores": 1}}


async def test_what_runs_counts_however_long_ago_it_began(tmp_path: Path) -> None:
    """Past bookings are forgotten each hour, and when a process begins."""
    async with broker(tmp_path, negotiation=ONE, platforms=SCARCE) as made:
        alice = await made.caller("alice")
        begun = first_start(await made.ask(alice, request(duration="PT10M")))
        await made.run(alice, request(duration="PT5H"))
        await made.later(minutes=90)
        async with broker(tmp_path, negotiation=ONE, platforms=SCARCE) as other:
            other.shift(timedelta(minutes=90))
            await other.report()
            for one in (made, other):
                answer = await one.ask(alice, request(duration="PT10M"))
                assert first_start(answer) >= begun + timedelta(hours=5)
        assert (await auditing.audit(made.database)).findings == ()


async def test_a_database_that_was_put_back_is_read_anew(tmp_path: Path) -> None:
    async with broker(tmp_path, negotiation=ONE, platforms=SCARCE) as made:
        alice = await made.caller("alice")
        ((before,),) = await made.rows("SELECT version FROM platform")
        first, _, _ = [first_start(await made.ask(alice, request())) for _ in range(3)]
        await _put_back(made, before)
        await made.ask(alice, request(duration="PT10M"))  # decided under the lock: it finds out
        await _put_back(made, before)
        again = first_start(await made.ask(alice, request(duration="PT10M")))
        assert again < first + timedelta(hours=1)


async def _put_back(made: Broker, version: int) -> None:
    """As if a backup had been restored while the process went on."""
    await made.rows_changed("DELETE FROM booking")
    await made.rows_changed("UPDATE platform SET version = ?", version)
