"""Requests and offers."""

from http import HTTPStatus
from typing import Final

from execution_broker.api import handlers
from execution_broker.api.identity import Access
from execution_broker.api.routes.base import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    LOCATION,
    TOO_MANY,
    UNCHANGED,
    Answer,
    Route,
)
from execution_broker.api.routes.links import OFFERS, SESSION
from execution_broker.models.execution import (
    ExecutionRequest,
    ExecutionSession,
    OfferSetResponse,
)
from execution_broker.models.extensions import Problem

NEGOTIATION: Final = (
    Route(
        method="POST",
        path="/requests",
        handler=handlers.request_offers,
        access=Access.ANY_IDENTITY,
        operation_id="ExecutionRequest",
        summary="Ask where, when and at what cost something can run.",
        body=ExecutionRequest,
        parameters=(IDEMPOTENCY_KEY,),
        answers={
            HTTPStatus.OK: Answer(
                "The offer set, to clients that follow the redirect.",
                OfferSetResponse,
                links=OFFERS,
            ),
            HTTPStatus.SEE_OTHER: Answer(
                "The offer set: YES with offers, or NO with reasons.",
                OfferSetResponse,
                LOCATION,
                OFFERS,
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer(
                "The request breaks the schema, or the key stood for another request.", Problem
            ),
            HTTPStatus.TOO_MANY_REQUESTS: TOO_MANY,
        },
    ),
    Route(
        method="GET",
        path="/offersets/{uuid:uuid}",
        handler=handlers.read_offers,
        access=Access.PUBLIC_READING,
        operation_id="OfferSetSelect",
        summary="Read an offer set.",
        parameters=(IF_NONE_MATCH,),
        answers={
            HTTPStatus.OK: Answer("The offer set.", OfferSetResponse, ETAG, OFFERS),
            HTTPStatus.NOT_MODIFIED: UNCHANGED,
            HTTPStatus.NOT_FOUND: Answer("There is no such offer set.", Problem),
        },
    ),
    Route(
        method="POST",
        path="/direct",
        handler=handlers.execute_directly,
        access=Access.ANY_IDENTITY,
        operation_id="DirectExecution",
        summary="Run something at the first opportunity, without choosing among offers.",
        body=ExecutionRequest,
        parameters=(IDEMPOTENCY_KEY,),
        answers={
            HTTPStatus.OK: Answer(
                "The accepted session, to clients that follow the redirect.",
                ExecutionSession,
                links=SESSION,
            ),
            HTTPStatus.SEE_OTHER: Answer(
                "The accepted session.", ExecutionSession, LOCATION, SESSION
            ),
            HTTPStatus.BAD_REQUEST: Answer(
                "It cannot run: a failed session, not stored, whose messages say why. A body that "
                "cannot be parsed is answered with a problem document.",
                ExecutionSession,
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer(
                "The request breaks the schema, or the key stood for another request.", Problem
            ),
            HTTPStatus.TOO_MANY_REQUESTS: TOO_MANY,
        },
    ),
)
