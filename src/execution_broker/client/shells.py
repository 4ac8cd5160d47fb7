"""The two shells: they do what the client's logic wants, blocking or asynchronously. No logic."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import isawaitable
from typing import Any, Final, TypeVar, assert_never

import httpx

from execution_broker.client.credentials import Signer
from execution_broker.client.exchanging import failure, options, reply, request
from execution_broker.client.peer import Peer
from execution_broker.client.speaking import (
    Ask,
    Conversation,
    Course,
    Do,
    Found,
    Lost,
    NotSent,
    Open,
    Pause,
    Shut,
    Sign,
    Take,
    Want,
    too_large,
)
from execution_broker.domain.errors import BrokerError

T = TypeVar("T")

_NOBODY: Final = httpx.Auth()
"""A request is signed by us or not at all: a .netrc of this machine has no say."""

Sleep = Callable[[float], None]
SleepSoon = Callable[[float], Awaitable[None]]


class Shell:
    """Blocking. `close` gives the connections back. Not for several threads at once."""

    def __init__(self, peer: Peer, signer: Signer, timeout: float, sleep: Sleep) -> None:
        self._http = httpx.Client(**options(peer, timeout))
        self._signer = signer
        self._sleep = sleep

    def close(self) -> None:
        self._http.close()

    def hold(self, conversation: Conversation[T]) -> T:
        """What the conversation ends with."""
        held = self._walk(conversation)
        while True:
            try:
                next(held)
            except StopIteration as stop:
                value: T = stop.value
                return value

    def walk(self, course: Course[T]) -> Iterator[T]:
        """What is found on the way, as it is found."""
        found: Iterator[T] = self._walk(course)
        return found

    def _walk(self, talk: Any) -> Any:
        opened = _Opened()
        step, value = talk.send, None
        try:
            while True:
                try:
                    wanted = step(value)
                except StopIteration as stop:
                    return stop.value
                if isinstance(wanted, Found):
                    yield wanted.value
                    step, value = talk.send, None
                    continue
                try:
                    step, value = talk.send, self._do(wanted, opened)
                except (NotSent, Lost, BrokerError) as error:
                    step, value = talk.throw, error
        finally:
            talk.close()
            self._shut(opened)

    def _do(self, wanted: Want, opened: "_Opened") -> Any:
        match wanted:
            case Pause(seconds=seconds):
                return self._sleep(seconds)
            case Sign(again=again):
                get = self._signer.begin(again=again)
                if get is not None:
                    self._signer.keep(_plain(get()))
                return self._signer.value
            case Do(work=work):
                return work()
            case Ask() | Take() | Shut():
                try:
                    return self._speak(wanted, opened)
                except httpx.RequestError as error:
                    raise failure(error) from None
        assert_never(wanted)

    def _speak(self, wanted: Ask | Take | Shut, opened: "_Opened") -> Any:
        match wanted:
            case Take():
                return next(opened.pieces, b"")
            case Shut():
                return self._shut(opened)
            case Open():
                self._shut(opened)
                opened.response = self._send(wanted)
                opened.pieces = opened.response.iter_raw()
                return reply(opened.response, b"")
            case Ask():
                response = self._send(wanted)
                try:
                    return reply(response, self._read(response, wanted.most))
                finally:
                    response.close()
        assert_never(wanted)

    def _send(self, wanted: Ask) -> httpx.Response:
        return self._http.send(request(self._http, wanted), auth=_NOBODY, stream=True)

    def _shut(self, opened: "_Opened") -> None:
        if opened.response is not None:
            opened.response.close()
        opened.response = None

    def _read(self, response: httpx.Response, most: int) -> bytes:
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > most:
                raise too_large(most)
        return bytes(body)


class AsyncShell:
    """The same, asynchronously. Every call and every course has what it opened for itself."""

    def __init__(self, peer: Peer, signer: Signer, timeout: float, sleep: SleepSoon) -> None:
        self._http = httpx.AsyncClient(**options(peer, timeout))
        self._signer = signer
        self._sleep = sleep

    async def close(self) -> None:
        await self._http.aclose()

    async def hold(self, conversation: Conversation[T]) -> T:
        """What the conversation ends with."""
        opened = _Opened()
        step: Any = conversation.send
        value: Any = None
        try:
            while True:
                try:
                    wanted = step(value)
                except StopIteration as stop:
                    ended: T = stop.value
                    return ended
                step, value = await self._next(conversation, wanted, opened)
        finally:
            await self._end(conversation, opened)

    async def walk(self, course: Course[T]) -> AsyncIterator[T]:
        """What is found on the way, as it is found."""
        opened = _Opened()
        step: Any = course.send
        value: Any = None
        try:
            while True:
                try:
                    wanted = step(value)
                except StopIteration:
                    return
                if isinstance(wanted, Found):
                    yield wanted.value
                    step, value = course.send, None
                else:
                    step, value = await self._next(course, wanted, opened)
        finally:
            await self._end(course, opened)

    async def _next(self, talk: Any, wanted: Want, opened: "_Opened") -> tuple[Any, Any]:
        try:
            return talk.send, await self._do(wanted, opened)
        except (NotSent, Lost, BrokerError) as error:
            return talk.throw, error

    async def _end(self, talk: Any, opened: "_Opened") -> None:
        talk.close()
        await self._shut(opened)

    async def _do(self, wanted: Want, opened: "_Opened") -> Any:
        match wanted:
            case Pause(seconds=seconds):
                return await self._sleep(seconds)
            case Sign(again=again):
                get = self._signer.begin(again=again)
                if get is not None:
                    token = get()
                    self._signer.keep(await token if isawaitable(token) else _plain(token))
                return self._signer.value
            case Do(work=work):
                return await asyncio.to_thread(work)
            case Ask() | Take() | Shut():
                try:
                    return await self._speak(wanted, opened)
                except httpx.RequestError as error:
                    raise failure(error) from None
        assert_never(wanted)

    async def _speak(self, wanted: Ask | Take | Shut, opened: "_Opened") -> Any:
        match wanted:
            case Take():
                return await anext(opened.pieces, b"")
            case Shut():
                return await self._shut(opened)
            case Open():
                await self._shut(opened)
                opened.response = await self._send(wanted)
                opened.pieces = opened.response.aiter_raw()
                return reply(opened.response, b"")
            case Ask():
                response = await self._send(wanted)
                try:
                    return reply(response, await self._read(response, wanted.most))
                finally:
                    await response.aclose()
        assert_never(wanted)

    async def _send(self, wanted: Ask) -> httpx.Response:
        return await self._http.send(request(self._http, wanted), auth=_NOBODY, stream=True)

    async def _shut(self, opened: "_Opened") -> None:
        if opened.response is not None:
            await opened.response.aclose()
        opened.response = None

    async def _read(self, response: httpx.Response, most: int) -> bytes:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > most:
                raise too_large(most)
        return bytes(body)


class _Opened:
    """The answer that is being taken piece by piece, if there is one."""

    response: Any = None
    pieces: Any = iter(())


def _plain(token: Any) -> str:
    if not isinstance(token, str):
        raise TypeError("A blocking client needs a token, or a plain function that returns one.")
    return token
