"""What all ways have in common."""

from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from execution_broker.models.extensions import Fault

WEBHOOK: Final = "webhook"
EMAIL: Final = "email"


class Target(msgspec.Struct, frozen=True):
    """Where a notice goes, and the secret that proves whom it is from. Sealed where it is kept."""

    address: str
    secret: str | None = None


def of_way(fault: str) -> Fault:
    """What is wrong with the way itself."""
    return Fault(place="$.way", fault=fault)


def of_address(fault: str) -> Fault:
    """What is wrong with the address."""
    return Fault(place="$.address", fault=fault)


def of_secret(fault: str) -> Fault:
    """What is wrong with the secret."""
    return Fault(place="$.secret", fault=fault)


class Notice(NamedTuple):
    """What is sent. `id` stays the same however often that is; `values` can be written as JSON,
    `type` says what they are about."""

    id: str
    type: str
    time: datetime
    subject: str
    text: str
    values: dict[str, Any]


class NotSent(Exception):
    """It has not arrived, or nobody knows. The text says why, without a part of the address.
    `is_final`: whoever is there does not want it, now or later."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Way(Protocol):
    def fault(self, target: Target) -> Fault | None:
        """Why nothing can be sent there, as a clause; None if it may be tried."""
        ...

    async def send(self, target: Target, notice: Notice, now: datetime) -> None:
        """NotSent unless it has arrived. It may arrive twice."""
        ...

    async def close(self) -> None: ...
