"""Probing: what a request needs to know of a source, looked up by a worker (N2)."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from execution_broker.domain import messages
from execution_broker.domain.codings import Coding
from execution_broker.domain.demand import NOTEBOOK, Lookup
from execution_broker.domain.errors import CannotOpen, OutsideError, Permanent, Underway
from execution_broker.domain.naming import shown
from execution_broker.domain.notebooks import Traits, traits
from execution_broker.domain.plan import StepKind
from execution_broker.domain.probing import Question
from execution_broker.ports.data import DataKind, Source, Transfer
from execution_broker.steps.base import Applied, Completed
from execution_broker.steps.decoding import decoded_at_most
from execution_broker.steps.secrets import Opening, Scrubbing
from execution_broker.steps.sources import Pace, coding_in, reading, size_of
from execution_broker.storage import steps
from execution_broker.storage.database import Connection
from execution_broker.storage.records import LeasedStep
from execution_broker.transitions.sealed import open_question

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
        opening: Opening,
    ) -> None:
        """`data_kinds` by the URI of their kind, `transfers` by URL scheme. `pace`: what is asked
        of a source that is read."""
        self._kinds = data_kinds
        self._transfers = transfers
        self._pace = pace
        self._opening = opening

    async def load(self, connection: Connection, step: LeasedStep, now: datetime) -> LeasedStep:
        return step

    async def act(self, loaded: LeasedStep) -> Lookup:
        try:
            question, is_secret = open_question(self._opening.ring, loaded.key, loaded.payload)
        except CannotOpen:
            return Lookup()
        texts = _texts(msgspec.to_builtins(question)) if is_secret else ()
        hiding = self._opening.hiding
        scrubbing = Scrubbing(hiding, filter(hiding.is_secret, texts))
        with scrubbing.errors():
            return scrubbing.clean(await self._look(question))

    async def _look(self, question: Question) -> Lookup:
        if question.resource is not None:
            kind = self._kinds.get(str(question.resource.__struct_config__.tag))
            if kind is None:
                return Lookup()
            source = await kind.locate(question.resource)
        else:
            source = Source(question.location or "", NOTEBOOK)
        transfer = self._transfers.get(source.scheme)
        if transfer is None:
            raise Permanent(
                messages.SOURCE_FAILED(
                    location=shown(source.location),
                    reason=f"no transfer reads {source.scheme} addresses",
                )
            )
        if question.is_read:
            try:
                return Lookup(notebook=await _read(transfer, source, self._pace))
            except Underway:
                return Lookup()
        return Lookup(size=size_of(await transfer.look(source), source))

    async def apply(
        self,
        connection: Connection,
        step: LeasedStep,
        loaded: LeasedStep,
        result: Lookup,
        now: datetime,
    ) -> Applied:
        await steps.empty(connection, step)
        return Completed(msgspec.to_builtins(result))

    async def fail(
        self, connection: Connection, step: LeasedStep, error: OutsideError, now: datetime
    ) -> Applied:
        await steps.empty(connection, step)
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


def _texts(value: Any) -> Iterator[str]:
    """Every text in a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for part in value.values() for text in _texts(part))
    elif isinstance(value, list | tuple):
        yield from (text for part in value for text in _texts(part))
