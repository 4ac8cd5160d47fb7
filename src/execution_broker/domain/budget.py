"""The budget of one identity: the most it may hold in unanswered offers, by amount (B8)."""

from collections.abc import Iterable, Mapping

from execution_broker.domain.amounts import Amounts, Booking, in_words
from execution_broker.domain.messages import BUDGET_USED
from execution_broker.models.message import Message


def most_of(bookings: Iterable[Booking]) -> dict[str, int]:
    """The most of each amount that any one of these bookings has."""
    most: dict[str, int] = {}
    for booking in bookings:
        for name, amount in booking.amounts.items():
            most[name] = max(most.get(name, 0), amount)
    return most


def over_budget(budget: Mapping[str, int], held: Amounts, added: Amounts) -> Message | None:
    """Why it may not hold so much more; None where it may. What is not added to is not judged."""
    for name, amount in added.items():
        limit = budget.get(name)
        if amount > 0 and limit is not None and held.get(name, 0) + amount > limit:
            return BUDGET_USED(held=held.get(name, 0), resource=in_words(name), limit=limit)
    return None
