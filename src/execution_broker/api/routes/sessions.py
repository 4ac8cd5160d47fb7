"""Sessions, and what they made."""

from http import HTTPStatus
from typing import Final

from execution_broker.api import following, handlers
from execution_broker.api.files import TOTAL
from execution_broker.api.handlers import Stream
from execution_broker.api.identity import Access
from execution_broker.api.routes.base import (
    BAD_PARAMETER,
    BINARY,
    CROWDED,
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    NO_RANGE,
    NO_SESSION,
    NOT_OWNER,
    OFFSET,
    PREFER,
    RANGE,
    UNCHANGED,
    Answer,
    Route,
)
from execution_broker.api.routes.links import RESULTS, SESSION
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.extensions import Problem, ResultList
from execution_broker.models.update import Update

_TOTAL: Final = {TOTAL: "How many bytes it had in all; the offset to ask for next."}

SESSIONS: Final = (
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}",
        handler=following.read_session,
        access=Access.PUBLIC_READING,
        operation_id="SessionSelect",
        summary="Read a session, with what its reader may do now.",
        parameters=(IF_NONE_MATCH, PREFER),
        answers={
            HTTPStatus.OK: Answer("The session.", ExecutionSession, ETAG, SESSION),
            HTTPStatus.NOT_MODIFIED: UNCHANGED,
            HTTPStatus.NOT_FOUND: NO_SESSION,
            **CROWDED,
        },
    ),
    Route(
        method="POST",
        path="/sessions/{uuid:uuid}",
        handler=handlers.update_session,
        access=Access.OWNER,
        operation_id="SessionUpdate",
        summary="Accept, reject, cancel or change a session.",
        body=Update,
        parameters=(IF_MATCH,),
        answers={
            HTTPStatus.OK: Answer("The session after the update.", ExecutionSession, ETAG, SESSION),
            HTTPStatus.FORBIDDEN: NOT_OWNER,
            HTTPStatus.NOT_FOUND: NO_SESSION,
            HTTPStatus.CONFLICT: Answer(
                "Not possible in this phase; the remedy lists what is.", Problem
            ),
            HTTPStatus.PRECONDITION_FAILED: Answer(
                "It has changed since the ETag in If-Match.", Problem
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The update breaks the schema.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}/results",
        handler=following.list_results,
        access=Access.OWNER,
        operation_id="ResultList",
        summary="List the outputs that are kept.",
        parameters=(PREFER,),
        answers={
            HTTPStatus.OK: Answer("The outputs.", ResultList, links=RESULTS),
            HTTPStatus.ACCEPTED: Answer(
                "The session has ended, and its outputs are being collected.",
                ResultList,
                {"Retry-After": "Seconds to wait."},
            ),
            HTTPStatus.FORBIDDEN: NOT_OWNER,
            HTTPStatus.NOT_FOUND: NO_SESSION,
        },
    ),
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}/results/{path:path}",
        handler=handlers.fetch_result,
        access=Access.OWNER,
        operation_id="ResultSelect",
        summary="Fetch one output, whole or in ranges.",
        parameters=(RANGE, IF_NONE_MATCH),
        answers={
            HTTPStatus.OK: Answer(
                "The output, with a Content-Type by its name.",
                "*/*",
                {
                    "ETag": "The sha256 of the content.",
                    "Content-Disposition": "Always an attachment.",
                },
            ),
            HTTPStatus.PARTIAL_CONTENT: Answer("The ranges asked for.", "*/*"),
            HTTPStatus.NOT_MODIFIED: UNCHANGED,
            HTTPStatus.FORBIDDEN: NOT_OWNER,
            HTTPStatus.NOT_FOUND: Answer("There is no such session, or no such output.", Problem),
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: NO_RANGE,
        },
    ),
    *(
        Route(
            method="GET",
            path=f"/streams/{{uuid:uuid}}/{stream.value}",
            handler=handlers.read_stream(stream),
            access=Access.OWNER,
            operation_id=f"{stream.name.capitalize()}Select",
            summary=f"Read {stream.value} of a session: the first and the last of it.",
            parameters=(OFFSET, RANGE, IF_NONE_MATCH),
            answers={
                HTTPStatus.OK: Answer("What is kept of it.", BINARY, {**ETAG, **_TOTAL}),
                HTTPStatus.PARTIAL_CONTENT: Answer("The range asked for.", BINARY, _TOTAL),
                HTTPStatus.NOT_MODIFIED: UNCHANGED,
                HTTPStatus.BAD_REQUEST: BAD_PARAMETER,
                HTTPStatus.FORBIDDEN: NOT_OWNER,
                HTTPStatus.NOT_FOUND: NO_SESSION,
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: NO_RANGE,
            },
        )
        for stream in Stream
    ),
)
