"""One request to many brokers, each within a deadline, and the answers side by side.

What comes back is judged before it is believed: a broker that is slow, answers nonsense, or
offers what was not asked for is named and left out, and delays nobody beyond its deadline.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from execution_broker.client.comparing.asking import (
    Broker,
    Comparison,
    Refusal,
    accept_from,
    compare_all,
    let_go_of,
)
from execution_broker.client.comparing.bids import Bid, Bounds
from execution_broker.client.comparing.choosing import Trade, cheapest, trade
from execution_broker.client.requests import Request

__all__ = [
    "Bid",
    "Bounds",
    "Broker",
    "Comparison",
    "Refusal",
    "Trade",
    "accept",
    "accept_from",
    "cheapest",
    "compare",
    "compare_all",
    "let_go",
    "let_go_of",
    "trade",
]

T = TypeVar("T")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def compare(
    request: Request, brokers: Sequence[Broker], now: Callable[[], datetime] = _utc_now
) -> Comparison:
    """Ask all of these brokers at once; works in a notebook too. See `compare_all`."""
    return _blocking(compare_all(request, brokers, now))


def let_go(bids: Sequence[Bid], brokers: Sequence[Broker]) -> tuple[Refusal, ...]:
    """Reject these bids; who could not be told. See `let_go_of`."""
    return _blocking(let_go_of(bids, brokers))


def accept(bid: Bid, brokers: Sequence[Broker]) -> None:
    """Accept a bid. See `accept_from`."""
    _blocking(accept_from(bid, brokers))


def _blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread and a loop of its own: a notebook has one that runs already.

    What a lookup of a name still does in another thread is not waited for.
    """

    def run() -> T:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()

    with ThreadPoolExecutor(1, "compare") as pool:
        return pool.submit(run).result()
