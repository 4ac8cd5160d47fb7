"""The page about logs tells of every event that a line can have, and of no other."""

import re
from pathlib import Path

from execution_broker.domain.log_events import LogEvent

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "logs.md"


def test_every_event_is_told_of() -> None:
    _, _, table = PAGE.read_text().partition("## Every event")
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    told = [event for row in rows for event in re.findall(r"`([a-z-]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(LogEvent)
