"""Which alternatives may be made: all of them together hold a share of each amount at most."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from execution_broker.domain.amounts import of_alternatives
from execution_broker.domain.calendar import Calendar
from execution_broker.domain.growing import least, room_of_share
from execution_broker.domain.holding import of_the_share
from execution_broker.domain.offer import Offer


def within_share(offers: Sequence[Offer], calendars: Mapping[str, Calendar]) -> tuple[Offer, ...]:
    """The first of the offers, and in their order those others for which the share has room beside
    the alternatives that everybody holds. `calendars` by the name of the platform."""
    first, *others = offers
    rooms = {
        name: _easily((one for one in others if one.platform == name), calendars[name])
        for name in {one.platform for one in others}
    }
    if None not in rooms.values():
        return (first, *(_alternative(one, rooms[one.platform] or {}) for one in others))
    kept = others if _fit(others, calendars) else _fitting(others, calendars)
    return (first, *(_alternative(one, _room(one, calendars)) for one in kept))


def _easily(alternatives: Iterable[Offer], calendar: Calendar) -> dict[str, int] | None:
    """How much of each amount a share has for these at any time, if that is enough for any of
    them: found out in a moment, and mostly so."""
    rooms: dict[str, int] = {}
    for name, _, _, amount in (one for offer in alternatives for one in offer.needs):
        if name not in rooms:
            rooms[name] = calendar.free_ever(of_alternatives(name))
        if amount and amount > rooms[name]:
            return None
    return rooms


def _fitting(others: Sequence[Offer], calendars: Mapping[str, Calendar]) -> list[Offer]:
    kept: list[Offer] = []
    for one in others:
        here = [other for other in kept if other.platform == one.platform]
        if _fit([*here, one], calendars):
            kept.append(one)
    return kept


def _fit(alternatives: Sequence[Offer], calendars: Mapping[str, Calendar]) -> bool:
    return all(
        calendars[name].shortage(
            of_the_share(one.needs for one in alternatives if one.platform == name)
        )
        is None
        for name in {one.platform for one in alternatives}
    )


def _room(offer: Offer, calendars: Mapping[str, Calendar]) -> dict[str, int]:
    return room_of_share(offer.terms, offer.needs, calendars[offer.platform])


def _alternative(offer: Offer, share: Mapping[str, int]) -> Offer:
    """The offer as an alternative, which its share has so much room for."""
    terms = msgspec.structs.replace(offer.terms, is_alternative=True)
    return msgspec.structs.replace(offer, terms=terms, room=least(offer.room, share))
