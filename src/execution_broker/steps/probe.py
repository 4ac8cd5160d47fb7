"""Probing: what a request needs to know of a source, looked up by a worker (N2)."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.codings import Coding
from execution_broker.domain.demand import NOTEBOOK, Lookup
from execution_broker.domain.errors import OutsideError, Permanent, Underway
from execution_broker.domain.notebooks import Traits, traits
from execution_broker.domain.plan import StepKind
from execution_broker.domain.probing import Question
from execution_broker.ports.data import DataKind, Source, Transfer
from execution_broker.steps.base import Applied, Completed
from execution_broker.steps.decoding import decoded_at_most
from execution_broker.steps.sources import Pace, coding_in, reading, size_of
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep

_MOST: Final = 16 << 20


class Probe:
    """Looks at one source. Its result is kept as a Lookup, also when it cannot be read. Nothing is
    known of data whose kind no plugin on this host locates."""

    kind = StepKind.PROBE

    def __init__(
        self,
        data_kinds: Mapping[str, DataKind],
        transfers: Mapping[str, Transfer],
        pace: Pace,
    ) -> None:
        """`data_kinds` by the URI of their kind, `transfers` by URL scheme. `pace`: what is asked
        of a source that is read."""
        self._kinds = data_kinds
        self._transfers = transfers
        self._pace = pace

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> Question:
        return msgspec.convert(step.payload, Question)

    async def act(self, loaded: Question) -> Lookup:
        if loaded.resource is not None:
            kind = self._kinds.get(str(loaded.resource.__struct_config__.tag))
            if kind is None:
                return Lookup()
            source = await kind.locate(loaded.resource)
        else:
            source = Source(loaded.location or "", NOTEBOOK)
        transfer = self._transfers.get(source.scheme)
        if transfer is None:
            raise Permanent(
                messages.SOURCE_FAILED(
                    location=source.location, reason=f"no transfer reads {source.scheme} addresses"
                )
            )
        if loaded.is_read:
            try:
                return Lookup(notebook=await _read(transfer, source, self._pace))
            except Underway:
                return Lookup()
        return Lookup(size=size_of(await transfer.look(source), source))

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: Question,
        result: Lookup,
        now: datetime,
    ) -> Applied:
        return Completed(msgspec.to_builtins(result))

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        found: Any = msgspec.to_builtins(Lookup(fault=(error.message.message or "").rstrip(".")))
        return Completed(found)


async def _read(transfer: Transfer, source: Source, pace: Pace) -> Traits | None:
    """What a notebook tells of itself; None for one that is too large to be read on the way."""
    content = bytearray()
    async with reading(transfer, source, pace) as begun:
        async for chunk in begun.chunks():
            content += chunk
            if len(content) > _MOST:
                return None
        coding = coding_in(begun.told, source)
    return await asyncio.to_thread(_traits, bytes(content), coding)


def _traits(content: bytes, coding: Coding | None) -> Traits | None:
    if coding is not None and not coding.is_own:
        decoded = decoded_at_most(_MOST, content, coding)
        return None if decoded is None else traits(decoded)
    return traits(content)
