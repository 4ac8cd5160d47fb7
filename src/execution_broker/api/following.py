"""Answers that wait: the events of a session as they happen, and a session at its next change."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from execution_broker.api import queries
from execution_broker.api.call import Call
from execution_broker.api.media import EVENT_STREAM
from execution_broker.api.waiting import Waiting
from execution_broker.formats import JSON
from execution_broker.models.extensions import ResultList
from execution_broker.models.listing import Event, EventList

_UNCOLLECTED: Final = frozenset({"PENDING", "COLLECTING"})
_LOOK: Final = 1.0
"""Seconds after which results are looked for, though nothing was heard: not all is an event."""

_BATCH: Final = 100
_LONG: Final = 3600.0


def leave(app: Any) -> None:
    """Answer everybody who waits in this application: its server is to stop."""
    waiting: Waiting = app.state.waiting
    waiting.leaving.set()


async def read_session(call: Call) -> Response:
    """The session; with `Prefer: wait=n` at its next change, or after so many seconds."""
    sessions, logbook = call.services.sessions, call.services.logbook
    seconds = queries.wait(call.request.headers)
    pulse = "" if seconds is None else await logbook.pulse(call.uuid)
    format_ = call.representation.format
    shown = await sessions.show(call.uuid, call.caller, format_, call.knows)
    if seconds is None:
        return call.answer_shown(shown)
    waiting: Waiting = call.request.app.state.waiting
    known = call.request.headers.get("if-none-match")
    if not waiting.leaving.is_set() and (known is None or shown.body is None):
        with waiting.place(call.source):
            await waiting.wait(logbook.changed(call.uuid, pulse, seconds))
        shown = await sessions.show(call.uuid, call.caller, format_, call.knows)
    response = call.answer_shown(shown)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


async def list_results(call: Call) -> Response:
    """What is kept; 202 while that is being collected. With `Prefer: wait=n` once all of it is
    kept, or after so many seconds."""
    listed = await call.services.sessions.results(call.uuid, call.identity)
    seconds = queries.wait(call.request.headers)
    waiting: Waiting = call.request.app.state.waiting
    if seconds is not None and listed.state in _UNCOLLECTED and not waiting.leaving.is_set():
        with waiting.place(call.source):
            listed = await _collected(call, listed, seconds)
    headers = {} if seconds is None else {"Preference-Applied": f"wait={seconds}"}
    if listed.state != "COLLECTING":
        return call.answer(listed, headers=headers)
    return call.answer(listed, HTTPStatus.ACCEPTED, headers | {"Retry-After": "1"})


async def _collected(call: Call, listed: ResultList, seconds: int) -> ResultList:
    sessions, logbook = call.services.sessions, call.services.logbook
    waiting: Waiting = call.request.app.state.waiting
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while listed.state in _UNCOLLECTED and not waiting.leaving.is_set():
        left = deadline - loop.time()
        if left <= 0:
            break
        pulse = await logbook.pulse(call.uuid)
        await waiting.wait(logbook.changed(call.uuid, pulse, min(left, _LOOK)))
        listed = await sessions.results(call.uuid, call.identity)
    return listed


async def read_events(call: Call) -> Response:
    """A page of the log; or all of it as it grows, to those who accept a stream of events."""
    after = queries.position(call.request.query_params, call.request.headers)
    if call.representation.format is EVENT_STREAM:
        return await _stream(call, after)
    limit = queries.limit(call.request.query_params)
    page = await call.services.logbook.events(call.uuid, call.identity, after, limit)
    last = page.events[-1].number if page.events else after
    path = call.location(f"/sessions/{call.uuid}/events?after={last}&limit={limit}")
    return call.answer_page(EventList(events=page.events, next=None if page.is_over else path))


async def _stream(call: Call, after: int) -> Response:
    """204 once nothing can follow: it tells clients of such streams not to come back."""
    from execution_broker.api.streaming import EventStream  # it changes the server that it finds

    waiting: Waiting = call.request.app.state.waiting
    logbook, uuid, caller = call.services.logbook, call.uuid, call.identity
    pulse = await logbook.pulse(uuid)
    page = await logbook.events(uuid, caller, after, _BATCH)
    if page.is_over and not page.events:
        return Response(None, HTTPStatus.NO_CONTENT)

    async def events() -> AsyncIterator[dict[str, Any]]:
        nonlocal page, pulse, after
        while True:
            for event in page.events:
                after = event.number
                yield _written(event)
            if page.is_over or waiting.leaving.is_set():
                return
            if not page.events:
                await waiting.wait(logbook.changed(uuid, pulse, _LONG))
            pulse = await logbook.pulse(uuid)
            page = await logbook.events(uuid, caller, after, _BATCH)

    return EventStream(events(), waiting, call.source)


def _written(event: Event) -> dict[str, Any]:
    return {"id": str(event.number), "event": event.type, "data": JSON.write(event).decode()}
