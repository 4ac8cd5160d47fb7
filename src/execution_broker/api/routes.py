"""The route table: routing, access checks and the OpenAPI document all come from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from execution_broker.api import accounts, handlers
from execution_broker.api.files import TOTAL
from execution_broker.api.handlers import Handler, Stream
from execution_broker.api.identity import Access
from execution_broker.formats import JSON, YAML
from execution_broker.models.execution import (
    ExecutionRequest,
    ExecutionSession,
    OfferSetResponse,
)
from execution_broker.models.extensions import (
    Account,
    AccountRequest,
    Identity,
    IdentityChange,
    IdentityList,
    Liveness,
    PasswordChange,
    PlatformList,
    Problem,
    Readiness,
    ResultList,
)
from execution_broker.models.update import Update


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a route. `body` is a wire type, or the media type of what are only bytes.

    `headers` says what each header that belongs to this answer means.
    """

    description: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`path` with Starlette's convertors; `body` is the wire type of what is sent, if any.

    `answers` lists what belongs to the meaning of the route. What every route may answer (a
    problem document for a body, an Accept header or credentials that do not hold) is not in it.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    access: Access
    operation_id: str
    summary: str
    answers: Mapping[int, Answer]
    body: Any = None

    @property
    def is_negotiated(self) -> bool:
        """Whether the client chooses the format of the answer."""
        return not any(isinstance(answer.body, str) for answer in self.answers.values())


_LOCATION: Final = {"Location": "Where it is from now on, without scheme and host."}
_ETAG: Final = {"ETag": "Changes with the content; send it in If-None-Match."}
_UNCHANGED: Final = Answer("Unchanged since the ETag in If-None-Match.", headers=_ETAG)
_NO_SESSION: Final = Answer("There is no such session.", Problem)
_NOT_OWNER: Final = Answer("The session belongs to somebody else.", Problem)
_BINARY: Final = "application/octet-stream"

NEGOTIATION: Final = (
    Route(
        method="POST",
        path="/requests",
        handler=handlers.request_offers,
        access=Access.ANY_IDENTITY,
        operation_id="ExecutionRequest",
        summary="Ask where, when and at what cost something can run.",
        body=ExecutionRequest,
        answers={
            HTTPStatus.SEE_OTHER: Answer(
                "The offer set: YES with offers, or NO with reasons.", OfferSetResponse, _LOCATION
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The request breaks the schema.", Problem),
            HTTPStatus.TOO_MANY_REQUESTS: Answer(
                "This identity asks too much or holds too much.",
                Problem,
                {"Retry-After": "Seconds to wait."},
            ),
        },
    ),
    Route(
        method="GET",
        path="/offersets/{uuid:uuid}",
        handler=handlers.read_offers,
        access=Access.PUBLIC_READING,
        operation_id="OfferSetSelect",
        summary="Read an offer set.",
        answers={
            HTTPStatus.OK: Answer("The offer set.", OfferSetResponse),
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
        answers={
            HTTPStatus.SEE_OTHER: Answer("The accepted session.", ExecutionSession, _LOCATION),
            HTTPStatus.BAD_REQUEST: Answer(
                "It cannot run: a failed session, not stored, whose messages say why. A body that "
                "cannot be parsed is answered with a problem document.",
                ExecutionSession,
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The request breaks the schema.", Problem),
            HTTPStatus.TOO_MANY_REQUESTS: Answer(
                "This identity asks too much or holds too much.",
                Problem,
                {"Retry-After": "Seconds to wait."},
            ),
        },
    ),
)

SESSIONS: Final = (
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}",
        handler=handlers.read_session,
        access=Access.PUBLIC_READING,
        operation_id="SessionSelect",
        summary="Read a session, with what its reader may do now.",
        answers={
            HTTPStatus.OK: Answer("The session.", ExecutionSession, _ETAG),
            HTTPStatus.NOT_MODIFIED: _UNCHANGED,
            HTTPStatus.NOT_FOUND: _NO_SESSION,
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
        answers={
            HTTPStatus.OK: Answer("The session after the update.", ExecutionSession, _ETAG),
            HTTPStatus.FORBIDDEN: _NOT_OWNER,
            HTTPStatus.NOT_FOUND: _NO_SESSION,
            HTTPStatus.CONFLICT: Answer(
                "Not possible in this phase; the remedy lists what is.", Problem
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The update breaks the schema.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}/results",
        handler=handlers.list_results,
        access=Access.OWNER,
        operation_id="ResultList",
        summary="List the outputs that are kept.",
        answers={
            HTTPStatus.OK: Answer("The outputs.", ResultList),
            HTTPStatus.FORBIDDEN: _NOT_OWNER,
            HTTPStatus.NOT_FOUND: _NO_SESSION,
        },
    ),
    Route(
        method="GET",
        path="/sessions/{uuid:uuid}/results/{path:path}",
        handler=handlers.fetch_result,
        access=Access.OWNER,
        operation_id="ResultSelect",
        summary="Fetch one output, whole or in ranges.",
        answers={
            HTTPStatus.OK: Answer(
                "The output, with a Content-Type by its name.",
                _BINARY,
                {
                    "ETag": "The sha256 of the content.",
                    "Content-Disposition": "Always an attachment.",
                },
            ),
            HTTPStatus.PARTIAL_CONTENT: Answer("The ranges asked for.", _BINARY),
            HTTPStatus.NOT_MODIFIED: _UNCHANGED,
            HTTPStatus.FORBIDDEN: _NOT_OWNER,
            HTTPStatus.NOT_FOUND: Answer("There is no such session, or no such output.", Problem),
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: Answer("No such range.", "text/plain"),
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
            answers={
                HTTPStatus.OK: Answer(
                    "What is kept of it.", _BINARY, {TOTAL: "How many bytes it had in all."}
                ),
                HTTPStatus.FORBIDDEN: _NOT_OWNER,
                HTTPStatus.NOT_FOUND: _NO_SESSION,
            },
        )
        for stream in Stream
    ),
)

IDENTITIES: Final = (
    Route(
        method="POST",
        path="/admin/identities",
        handler=accounts.create,
        access=Access.ADMINISTRATOR,
        operation_id="IdentityCreate",
        summary="Create a local account.",
        body=AccountRequest,
        answers={
            HTTPStatus.CREATED: Answer("The new account.", Account),
            HTTPStatus.BAD_REQUEST: Answer("The name or the password is missing.", Problem),
            HTTPStatus.FORBIDDEN: Answer("Only the administrator may.", Problem),
            HTTPStatus.CONFLICT: Answer("The account that has this name already.", Account),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The name cannot be used.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/admin/identities",
        handler=accounts.list_all,
        access=Access.ADMINISTRATOR,
        operation_id="IdentityList",
        summary="List all identities, page by page: `next` of one is `after` of the next.",
        answers={
            HTTPStatus.OK: Answer("A page of identities.", IdentityList),
            HTTPStatus.BAD_REQUEST: Answer("`after` is not the `next` of a page.", Problem),
            HTTPStatus.FORBIDDEN: Answer("Only the administrator may.", Problem),
        },
    ),
    Route(
        method="POST",
        path="/admin/identities/{uuid:uuid}",
        handler=accounts.change,
        access=Access.ADMINISTRATOR,
        operation_id="IdentityUpdate",
        summary="Disable or enable an identity, change its password or its role.",
        body=IdentityChange,
        answers={
            HTTPStatus.OK: Answer("The identity after the change.", Identity),
            HTTPStatus.FORBIDDEN: Answer("Only the administrator may.", Problem),
            HTTPStatus.NOT_FOUND: Answer("There is no such identity.", Problem),
            HTTPStatus.CONFLICT: Answer(
                "No administrator would be left, or its issuer decides this.", Problem
            ),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The change breaks the schema.", Problem),
        },
    ),
    Route(
        method="GET",
        path="/identity",
        handler=accounts.read_own,
        access=Access.ANY_IDENTITY,
        operation_id="IdentitySelect",
        summary="Ask who one is here.",
        answers={HTTPStatus.OK: Answer("One's own identity.", Identity)},
    ),
    Route(
        method="POST",
        path="/identity/password",
        handler=accounts.change_password,
        access=Access.ANY_IDENTITY,
        operation_id="PasswordUpdate",
        summary="Change one's own password.",
        body=PasswordChange,
        answers={
            HTTPStatus.OK: Answer("One's own identity.", Identity),
            HTTPStatus.CONFLICT: Answer("One's issuer keeps the password.", Problem),
            HTTPStatus.UNPROCESSABLE_ENTITY: Answer("The password cannot be used.", Problem),
        },
    ),
)

ADMINISTRATION: Final = (
    Route(
        method="GET",
        path="/platforms",
        handler=handlers.list_platforms,
        access=Access.PUBLIC,
        operation_id="PlatformList",
        summary="List the places that can run sessions, and what they take.",
        answers={HTTPStatus.OK: Answer("The platforms.", PlatformList)},
    ),
    Route(
        method="GET",
        path="/healthz",
        handler=handlers.tell_liveness,
        access=Access.PUBLIC,
        operation_id="Liveness",
        summary="Ask whether the process answers.",
        answers={HTTPStatus.OK: Answer("It does.", Liveness)},
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=handlers.tell_readiness,
        access=Access.PUBLIC,
        operation_id="Readiness",
        summary="Ask whether requests can be served.",
        answers={
            HTTPStatus.OK: Answer("They can.", Readiness),
            HTTPStatus.SERVICE_UNAVAILABLE: Answer("They can't; the checks say why.", Readiness),
        },
    ),
    *(
        Route(
            method="GET",
            path=f"/openapi.{format_.name}",
            handler=handlers.read_document(format_),
            access=Access.PUBLIC,
            operation_id=f"Openapi{format_.name.capitalize()}",
            summary=f"Read this description as {format_.name.upper()}.",
            answers={HTTPStatus.OK: Answer("The OpenAPI document.", format_.types[0])},
        )
        for format_ in (JSON, YAML)
    ),
)

ROUTES: Final = (*NEGOTIATION, *SESSIONS, *IDENTITIES, *ADMINISTRATION)
