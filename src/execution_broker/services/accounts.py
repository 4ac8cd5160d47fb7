"""Accounts as they were a moment ago, so that not every request reads who is asking."""

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from execution_broker.storage.identities import StoredAccount

_MOMENT: Final = 2.0
"""Seconds for which a change by another process may go unnoticed."""

_MOST: Final = 10_000


class _Kept(NamedTuple):
    account: StoredAccount
    read_at: float


class RecentAccounts:
    """What was read in the last two seconds, by name or by what its issuer calls it.

    Only to let somebody in again: whoever would be refused because of what is kept here is looked
    up anew. Changes by this process are to be followed by `forget`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._kept: dict[Hashable, _Kept] = {}
        self._changed_at = float("-inf")

    def get(self, key: Hashable) -> StoredAccount | None:
        """An account that could sign in a moment ago."""
        kept = self._kept.get(key)
        if kept is None or self.clock() - kept.read_at > _MOMENT:
            return None
        return kept.account

    def keep(self, key: Hashable, account: StoredAccount | None, asked_at: float) -> None:
        """Keep what a read has found. `asked_at`: when the read began; what has changed since then
        it may not know."""
        if account is None or account.is_disabled or asked_at <= self._changed_at:
            return
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[key] = _Kept(account, asked_at)

    def forget(self) -> None:
        self._kept.clear()
        self._changed_at = self.clock()
