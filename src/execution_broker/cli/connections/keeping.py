"""The connections of one server: who is let in, and who has kept others waiting for too long."""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from itertools import takewhile
from typing import Final

import structlog

from execution_broker.api import problems
from execution_broker.api.addresses import Proxies, source
from execution_broker.api.app import STATUS
from execution_broker.api.excess import Excess
from execution_broker.cli.connections.bounds import Bounds
from execution_broker.cli.connections.refusal import Refusal, Refused
from execution_broker.cli.connections.standing import Full, Member, Standing
from execution_broker.config import Http
from execution_broker.domain.errors import BrokerError, TooMany, Unavailable
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Measure, Meter
from execution_broker.domain.rarely import Rarely

LARGEST_HEAD: Final = 1 << 16

_SELDOM: Final = 10.0
_MOST_TOLD: Final = 16
"""So many are told at a time why they are not let in; more of them are closed without a word."""

_SLOW_HEAD: Final = Refusal(
    problems.of_status(
        HTTPStatus.REQUEST_TIMEOUT,
        "The head of the request did not arrive in time.",
        "Send it again.",
    )
)
_LARGE_HEAD: Final = Refusal(
    problems.of_status(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"The head of the request has more than {LARGEST_HEAD >> 10} KiB.",
        "Send a shorter one.",
    )
)
_RETRY_AFTER: Final = 5


def _full(error: BrokerError) -> Refusal:
    return Refusal(problems.of_error(error, STATUS[type(error)]), _RETRY_AFTER)


_FULL: Final[Mapping[str, Refusal]] = {
    "all": _full(
        Unavailable("There are too many connections, and each is busy.", retry_after=_RETRY_AFTER)
    ),
    "address": _full(
        TooMany(
            "There are too many connections from this address, and each is busy.",
            "Wait until one of them is free, and use it.",
            retry_after=_RETRY_AFTER,
        )
    ),
}


class Connections:
    """Those of one server. Somebody has to `sweep` again and again; `now` is the loop's time."""

    def __init__(self, http: Http, bounds: Bounds, meter: Meter) -> None:
        self.standing: Final = Standing(bounds)
        self._header_timeout = http.header_timeout
        self._send_timeout = http.send_timeout
        self._proxies = Proxies(http.trusted_proxies)
        self._meter = meter
        self._turned_away = 0
        self._log = structlog.get_logger()
        self._rarely = Rarely(_SELDOM)
        self._excess = Excess(self._log, meter, time.monotonic)

    def admit(
        self, one: Member, host: str | None, transport: asyncio.Transport, now: float
    ) -> bool:
        """Let it in, if need be by closing the one that has kept nobody busy for longest; or end it
        and tell it why. A trusted proxy may have as many as there may be in all."""
        address = None if host is None or host in self._proxies else source(host)
        try:
            closed = self.standing.admit(one, address, now)
        except Full as full:
            self._excess.refuse("connection", full.bound, self._most(full.bound), address)
            self._turn_away(transport, _FULL[full.bound])
            return False
        self._meter.measure(Measure.CONNECTIONS, 1)
        if closed is not None:
            other, bound = closed
            self._meter.measure(Measure.CONNECTIONS_CLOSED, 1, "room")
            self._excess.tell("connection", bound, self._most(bound), address)
            other.abort()
        return True

    def leave(self, one: Member) -> None:
        """It is closed."""
        self._meter.measure(Measure.CONNECTIONS, -1)
        self.standing.leave(one)

    def sweep(self, now: float) -> None:
        """Close those that have kept us waiting for too long."""
        for one in _until(self.standing.heads, now - self._header_timeout):
            self._tell_closed(one, "slow-head", now)
            one.refuse(_SLOW_HEAD)
        for one in _until(self.standing.stalled, now - self._send_timeout):
            if one.is_unsent:
                self._tell_closed(one, "slow-reader", now)
                one.abort()
            else:
                self.standing.move(one, self.standing.kept, now)

    def end_large(self, one: Member, now: float) -> None:
        """Close one that sends and sends, and nothing comes of it."""
        self._tell_closed(one, "large-head", now)
        one.refuse(_LARGE_HEAD)

    def _turn_away(self, transport: asyncio.Transport, refusal: Refusal) -> None:
        if self._turned_away >= _MOST_TOLD:
            transport.set_protocol(asyncio.Protocol())
            transport.abort()
            return
        self._turned_away += 1
        told = Refused(refusal, self._forget)
        transport.set_protocol(told)
        told.connection_made(transport)

    def _forget(self) -> None:
        self._turned_away -= 1

    def _most(self, bound: str) -> int:
        bounds = self.standing.bounds
        return bounds.of_address if bound == "address" else bounds.in_all

    def _tell_closed(self, one: Member, why: str, now: float) -> None:
        self._meter.measure(Measure.CONNECTIONS_CLOSED, 1, why)
        times = self._rarely.count(why, now)
        if times is not None:
            self._log.info(LogEvent.CONNECTION_CLOSED, why=why, address=one.address, times=times)


def _until(group: Mapping[Member, float], instant: float) -> list[Member]:
    """Those that came to the group before then."""
    return [one for one, _ in takewhile(lambda item: item[1] <= instant, group.items())]
