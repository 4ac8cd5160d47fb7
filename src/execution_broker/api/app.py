"""The application: routes, what every answer carries, and which status each error becomes."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.typing import FilteringBoundLogger

from execution_broker.api import problems, trace
from execution_broker.api.abreast import Abreast
from execution_broker.api.addresses import Proxies
from execution_broker.api.branches import Branches
from execution_broker.api.challenges import challenges
from execution_broker.api.endpoint import paths
from execution_broker.api.excess import Excess
from execution_broker.api.limits import Limits
from execution_broker.api.media import negotiate
from execution_broker.api.metrics import PATH, MetricsPage
from execution_broker.api.needs import Services
from execution_broker.api.openapi import written
from execution_broker.api.routes import ROUTES
from execution_broker.api.waiting import Waiting
from execution_broker.config import Http
from execution_broker.domain.errors import (
    AlreadyExists,
    BodyTooLarge,
    BrokerError,
    CannotOpen,
    Conflict,
    Forbidden,
    InvalidBody,
    InvalidParameter,
    InvalidToken,
    KeyReused,
    MalformedBody,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from execution_broker.domain.log_events import LogEvent
from execution_broker.domain.measures import Meter, NoMeter
from execution_broker.domain.spans import NoTracer, Tracer
from execution_broker.models.secrets import DEFAULT, Hiding

STATUS: Final[Mapping[type[BrokerError], HTTPStatus]] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    InvalidBody: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidParameter: HTTPStatus.BAD_REQUEST,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    InvalidToken: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    AlreadyExists: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    CannotOpen: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Any error that is not here is a fault of ours: 500."""


def create_app(
    services: Services,
    http: Http,
    log: FilteringBoundLogger,
    *,
    access: FilteringBoundLogger | None = None,
    metrics: MetricsPage | None = None,
    tracer: Tracer | None = None,
    meter: Meter | None = None,
    hiding: Hiding = DEFAULT,
    body_seconds: float = 30,
    heartbeat: float = 15,
    new_request_id: Callable[[], str] = lambda: uuid4().hex,
) -> Starlette:
    """The API over these services. It owns none of them: whoever made them ends them.

    `access` is told of every request that was answered (None: `log` is).
    `hiding` takes the secrets out of what is asked for, before anybody else sees it.
    A body has to arrive within `body_seconds`; streams of events show a sign of life every
    `heartbeat` seconds. `following.leave` ends them before the server stops.
    """

    async def fail(request: Request, error: Exception) -> Response:
        identifier = trace.request_id(request.scope)
        log.error(
            LogEvent.REQUEST_FAILED, request=identifier, method=request.method, exc_info=error
        )
        problem = problems.of_status(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "Something went wrong here, not in the request.",
            f"Tell the operator the request id {identifier}.",
        )
        return problems.respond(problem, _accept(request), trace.headers(request.scope))

    limits = Limits(http.body_limit, body_seconds, hiding)
    routes = paths(ROUTES, services, http, limits)
    if metrics is not None:
        routes.append(Route(PATH, metrics))
    meter = meter or NoMeter()
    excess = Excess(log, meter, time.monotonic)
    middleware = [
        Middleware(
            trace.Trace,
            access=access or log,
            new_request_id=new_request_id,
            tracer=tracer or NoTracer(),
        )
    ]
    if http.trusted_proxies:
        most, proxies = http.connections_per_address, Proxies(http.trusted_proxies)
        middleware.append(Middleware(Abreast, most=most, proxies=proxies, excess=excess))
    app = Starlette(
        routes=[Branches(routes)],
        middleware=middleware,
        exception_handlers={
            **dict.fromkeys(STATUS, _answer_error),
            HTTPException: _answer_status,
            ClientDisconnect: _answer_nobody,
            Exception: fail,
        },
    )
    app.router.redirect_slashes = False
    app.state.document = written
    app.state.public_url = http.public_url
    app.state.hiding = hiding
    app.state.waiting = Waiting(http.waits, http.waits_per_identity, heartbeat, excess, meter)
    app.state.discovery_urls = services.identities.discovery_urls
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BrokerError)
    status = next(STATUS[base] for base in type(error).__mro__ if base in STATUS)
    if isinstance(error, AlreadyExists) and error.account is not None:
        chosen = negotiate(_accept(request))
        return Response(chosen.format.write(error.account), status, None, chosen.media_type)
    problem = problems.of_error(error, status, request.app.state.hiding)
    response = problems.respond(problem, _accept(request), _headers(error))
    if isinstance(error, Unauthenticated):
        for challenge in challenges(error, request.app.state.discovery_urls):
            response.headers.append("WWW-Authenticate", challenge)
    return response


def _headers(error: BrokerError) -> dict[str, str]:
    match error:
        case RangeNotSatisfiable():
            return {"Content-Range": f"bytes */{error.size}"}
        case TooMany() | Unavailable():
            return {"Retry-After": str(error.retry_after)}
        case _:
            return {}


async def _answer_status(request: Request, error: Exception) -> Response:
    """What the router says: 404, 405 and the like."""
    assert isinstance(error, HTTPException)
    detail = "There is nothing here." if error.status_code == HTTPStatus.NOT_FOUND else error.detail
    problem = problems.of_status(error.status_code, request.app.state.hiding.text(detail))
    return problems.respond(problem, _accept(request), error.headers)


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _accept(request: Request) -> str | None:
    return ", ".join(request.headers.getlist("accept")) or None
