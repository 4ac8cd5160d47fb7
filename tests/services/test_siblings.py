"""Offers of one answer that expire at different times: each for itself, whatever becomes of others.

A window that closes soon leaves less time to answer where preparing takes longer.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from execution_broker.domain.identity import Caller
from execution_broker.domain.iso8601 import write_interval
from execution_broker.models.phases import SessionPhase
from tests.harness.asking import request, uuid_of
from tests.harness.broker import Broker, broker

PLATFORMS = {
    "quick": {"plugin": "scripted", "price": 1.0},
    "slow": {"plugin": "scripted", "prepare": 120},
}
HELD_THERE = (
    "SELECT count(*) FROM booking JOIN platform ON platform.id = booking.platform_id"
    " WHERE platform.name = 'slow' AND booking.ended_at IS NULL"
)


async def test_who_turns_one_down_does_not_hold_again_what_has_expired(tmp_path: Path) -> None:
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        (quick, *_), (slow, *_) = await _offers(made, alice)
        assert await made.rows(HELD_THERE) != [(0,)]
        made.shift(timedelta(seconds=150))
        assert (await made.session(alice, slow)).phase is SessionPhase.EXPIRED
        await made.set_phase(alice, quick, "REJECTED")
        assert await made.rows(HELD_THERE) == [(0,)]


async def test_what_was_seen_to_have_expired_stays_so_when_another_is_accepted(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path, platforms=PLATFORMS) as made:
        alice = await made.caller("alice")
        (quick, other, *_), (slow, *_) = await _offers(made, alice)
        made.shift(timedelta(seconds=150))
        seen = await made.session(alice, slow)
        assert seen.phase is SessionPhase.EXPIRED
        await made.set_phase(alice, quick, "ACCEPTED")
        assert await made.session(alice, slow) == seen
        assert (await made.session(alice, other)).phase is SessionPhase.REJECTED


async def _offers(made: Broker, caller: Caller) -> tuple[list[str], list[str]]:
    """Those on the quick platform, and those on the slow one, which expire first."""
    now = datetime.now(UTC).replace(microsecond=0)
    window = write_interval(now, now + timedelta(seconds=240))
    offers = (await made.ask(caller, request(duration="PT1M", start=window))).offers
    (last, *_) = sorted((one.expires for one in offers if one.expires), reverse=True)
    quick = [uuid_of(one) for one in offers if one.expires == last]
    return quick, [uuid_of(one) for one in offers if uuid_of(one) not in quick]
