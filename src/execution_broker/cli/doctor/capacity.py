"""What the doctor looks at of what is booked: is it more than there is, and who is late to go."""

from collections.abc import Iterator

from execution_broker.cli.doctor.findings import Finding, ok, warn
from execution_broker.config import Settings
from execution_broker.domain.amounts import in_words
from execution_broker.domain.iso8601 import write_epoch
from execution_broker.factory import examining
from execution_broker.services.status import PlatformStatus
from execution_broker.storage.health import Late


async def capacity(settings: Settings) -> list[Finding]:
    """By the configured database, whose tables are current."""
    late, platforms = await examining.capacity(settings)
    found = [*map(_late, late), *(one for each in platforms for one in _overcommitted(each))]
    return found or [ok("capacity", "no more is booked than there is, and nobody is late to go")]


def _late(late: Late) -> Finding:
    return warn(
        "capacity",
        f"{late.platform}: of {late.sessions} sessions what they had is not released yet, "
        f"the first of it for {late.seconds} s longer than planned",
        f"It stays booked until it is: see whether a worker serves {late.platform}, what its log "
        "says of releasing, and `broker admin orphans`.",
    )


def _overcommitted(platform: PlatformStatus) -> Iterator[Finding]:
    for one in platform.overcommitted:
        start, end = write_epoch(one.start), write_epoch(one.end)
        yield warn(
            "capacity",
            f"{platform.name}: {one.amount} {in_words(one.name)} more than there are are booked "
            f"between {start} and {end}",
            "Nothing more is offered for that time, and nothing is cancelled: it passes. Give the "
            "platform back what it had, or cancel sessions.",
        )
