"""Asking many brokers at once, each within its deadline, and letting go of what is not taken."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from execution_broker.client.async_client import AsyncBrokerClient
from execution_broker.client.comparing.bids import Bid, Nonsense, bid_of
from execution_broker.client.comparing.choosing import in_order
from execution_broker.client.comparing.judging import Wanted, judge, wanted_of
from execution_broker.client.credentials import GetToken, GetTokenSoon
from execution_broker.client.errors import BadAddress
from execution_broker.client.peer import Following
from execution_broker.client.requests import Request
from execution_broker.domain.errors import BrokerError
from execution_broker.models.execution import OfferSetResponse

DEADLINE: Final = 20.0
"""Seconds that a broker has, unless it is given others."""

_MOST_BYTES: Final = 2 << 20
_MOST_OFFERS: Final = 16
_LETTING_GO: Final = 10.0
_LONGEST_TEXT: Final = 300


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """A broker to ask. `name` is yours for it; `deadline` in seconds, for its whole answer."""

    name: str
    url: str
    username: str | None = None
    password: str | None = None
    token: str | GetToken | GetTokenSoon | None = None
    deadline: float = DEADLINE

    def __repr__(self) -> str:
        return f"Broker({self.name!r})"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A broker, or one of its offers, that is not among the bids, and why."""

    broker: str
    reason: str
    is_no: bool = False
    """It answered, and the answer is NO. Else something is wrong with it."""


class Comparison(msgspec.Struct, frozen=True):
    """The bids, the earliest first, and who is not among them. Each bid holds capacity until it
    expires: accept one, let go of the others."""

    bids: tuple[Bid, ...]
    refusals: tuple[Refusal, ...]


async def compare_all(
    request: Request, brokers: Sequence[Broker], now: Callable[[], datetime]
) -> Comparison:
    """Ask all of them at once. It takes as long as the longest deadline, whatever they do.

    A broker that answers too late has made offers that nobody knows of: they expire.
    """
    names = [broker.name for broker in brokers]
    if len(set(names)) < len(names):
        raise BadAddress("Two brokers have the same name.", "Give each a name of its own.")
    wanted = wanted_of(request, now())
    answers = await asyncio.gather(*(_ask(request, broker, wanted, now) for broker in brokers))
    return Comparison(
        in_order([bid for bids, _ in answers for bid in bids]),
        tuple(refusal for _, refusals in answers for refusal in refusals),
    )


async def let_go_of(bids: Sequence[Bid], brokers: Sequence[Broker]) -> tuple[Refusal, ...]:
    """Reject these bids. Who could not be told is named: there, they expire by themselves."""
    by_name = {broker.name: broker for broker in brokers}
    told = await asyncio.gather(*(_reject(bid, by_name[bid.broker]) for bid in bids))
    return tuple(refusal for refusal in told if refusal is not None)


async def accept_from(bid: Bid, brokers: Sequence[Broker]) -> None:
    """Accept a bid. A BrokerError says why not."""
    broker = next(broker for broker in brokers if broker.name == bid.broker)
    async with _client(broker, broker.deadline) as client:
        await client.accept(bid.uuid)


_Answer = tuple[list[Bid], list[Refusal]]


async def _ask(
    request: Request, broker: Broker, wanted: Wanted, now: Callable[[], datetime]
) -> _Answer:
    """One broker's bids. Nothing that it does gets out of here but these."""
    try:
        async with asyncio.timeout(broker.deadline):
            async with _client(broker, broker.deadline) as client:
                answer = await client.request(await client.bring(request))
    except TimeoutError:
        reason = f"It did not answer within {broker.deadline:g} s."
    except BrokerError as error:
        reason = str(error)
    else:
        return _judged(broker.name, answer, wanted, now())
    return [], [Refusal(broker=broker.name, reason=_brief(reason))]


def _judged(name: str, answer: OfferSetResponse, wanted: Wanted, now: datetime) -> _Answer:
    if answer.result == "NO" or not answer.offers:
        messages = answer.meta.messages if answer.meta else ()
        said = [message.message or message.kind for message in messages if message.level == "ERROR"]
        reason = _brief(" ".join(said[:5])) or "It gives no reason."
        return [], [Refusal(broker=name, reason=reason, is_no=True)]
    bids: list[Bid] = []
    refusals: list[Refusal] = []
    for number, offer in enumerate(answer.offers[:_MOST_OFFERS], 1):
        try:
            bid = bid_of(name, offer, now)
            judge(bid, wanted, bids)
        except Nonsense as error:
            reason = _brief(f"Its offer {number} is left out: {error}.")
            refusals.append(Refusal(broker=name, reason=reason))
        else:
            bids.append(bid)
    return bids, refusals


async def _reject(bid: Bid, broker: Broker) -> Refusal | None:
    try:
        async with asyncio.timeout(_LETTING_GO):
            async with _client(broker, _LETTING_GO) as client:
                await client.reject(bid.uuid)
    except TimeoutError:
        return Refusal(broker=broker.name, reason="It could not be told in time; it expires.")
    except BrokerError as error:
        return Refusal(broker=broker.name, reason=_brief(str(error)))
    return None


def _client(broker: Broker, seconds: float) -> AsyncBrokerClient:
    return AsyncBrokerClient(
        broker.url,
        broker.username,
        broker.password,
        seconds,
        token=broker.token,
        following=Following.OWN_ORIGIN,
        most=_MOST_BYTES,
        notice=lambda _: None,
    )


def _brief(text: str) -> str:
    """One line that steers no terminal and fills no screen."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}..."
