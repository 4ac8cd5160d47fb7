"""Lists of what one has, and logs."""

from http import HTTPStatus
from typing import Final

from execution_broker.api import following, listings
from execution_broker.api.identity import Access
from execution_broker.api.media import EVENT_STREAM
from execution_broker.api.routes.base import (
    BAD_PARAMETER,
    CROWDED,
    CURSOR,
    LIMIT,
    LINK,
    NO_SESSION,
    NOT_OWNER,
    SINCE,
    UNTIL,
    Answer,
    Parameter,
    Route,
)
from execution_broker.api.routes.links import EVENTS, OFFERSET_PAGE, SESSION_PAGE
from execution_broker.models.listing import EventList, OfferSetList, SessionList
from execution_broker.models.phases import SessionPhase

_PHASES: Final = {"type": "array", "items": {"type": "string", "enum": list(SessionPhase)}}

LISTS: Final = (
    Route(
        method="GET",
        path="/sessions",
        handler=listings.list_sessions,
        access=Access.ANY_IDENTITY,
        operation_id="SessionList",
        summary="List one's sessions, newest first; the administrator sees everybody's.",
        parameters=(
            *(LIMIT, CURSOR, SINCE, UNTIL),
            Parameter("query", "phase", "In one of these phases.", _PHASES),
            Parameter("query", "name", "The session, or what it runs, is called so."),
        ),
        answers={
            HTTPStatus.OK: Answer("A page of sessions.", SessionList, LINK, SESSION_PAGE),
            HTTPStatus.BAD_REQUEST: BAD_PARAMETER,
        },
    ),
    Route(
        method="GET",
        path="/offersets",
        handler=listings.list_offersets,
        access=Access.ANY_IDENTITY,
        operation_id="OfferSetList",
        summary="List one's offer sets, newest first; the administrator sees everybody's.",
        parameters=(LIMIT, CURSOR, SINCE, UNTIL),
        answers={
            HTTPStatus.OK: Answer("A page of offer sets.", OfferSetList, LINK, OFFERSET_PAGE),
            HTTPStatus.BAD_REQUEST: BAD_PARAMETER,
        },
    ),
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}/events",
        handler=following.read_events,
        access=Access.OWNER,
        operation_id="EventList",
        summary="Read the log of a session: page by page, or as Server-Sent Events while it grows.",
        parameters=(
            Parameter(
                "query",
                "after",
                "The number of the last event that is known.",
                {"type": "integer", "minimum": 0, "default": 0},
            ),
            LIMIT,
            Parameter("header", "Last-Event-ID", "As `after`; it goes before it."),
        ),
        also=(EVENT_STREAM,),
        answers={
            HTTPStatus.OK: Answer(
                "A page of events, or all of them as they come.", EventList, LINK, EVENTS
            ),
            HTTPStatus.NO_CONTENT: Answer("The stream is over: nothing can follow."),
            HTTPStatus.BAD_REQUEST: BAD_PARAMETER,
            HTTPStatus.FORBIDDEN: NOT_OWNER,
            HTTPStatus.NOT_FOUND: NO_SESSION,
            **CROWDED,
        },
    ),
)
