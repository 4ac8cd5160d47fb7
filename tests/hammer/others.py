"""What any process of the hammer has open, the dead among them."""

import asyncio
from typing import Final

from tests.harness.broker import Replica

_EVERY: Final = 3.0
_SOME: Final = 40
_RECENT: Final = 2000

_OPEN: Final = (
    "SELECT s.id, s.uuid, i.username, (SELECT max(id) FROM session) "
    "FROM session AS s JOIN identity AS i ON i.id = s.identity_id "
    "WHERE s.id > ? AND s.released_at IS NULL "
    "AND (s.accepted_at IS NOT NULL OR s.phase = 'OFFERED') ORDER BY s.id LIMIT ?"
)


class Others:
    """Looks now and then, from where the oldest that is open was last time."""

    def __init__(self, made: Replica) -> None:
        self._made = made
        self._found: list[tuple[str, str]] = []
        self._floor = 0
        self._looked = -_EVERY

    async def some(self) -> list[tuple[str, str]]:
        """Names of owners, and sessions: the oldest that are offered or not released."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= _EVERY:
            self._looked = now
            rows = await self._made.rows(_OPEN, self._floor, _SOME)
            if rows:
                oldest, _, _, newest = rows[0]
                self._floor = min(oldest - 1, max(0, newest - _RECENT))
            self._found = [(name, str(uuid)) for _, uuid, name, _ in rows]
        return self._found
