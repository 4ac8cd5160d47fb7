"""The handlers: each translates one call into one question to a service, and its answer back."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from execution_broker import __version__
from execution_broker.api import conditions, files, queries
from execution_broker.api.call import Call
from execution_broker.domain.errors import InvalidBody, NotFound
from execution_broker.domain.iso8601 import from_epoch
from execution_broker.domain.once import Once
from execution_broker.formats import Format
from execution_broker.models.component import Component
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.extensions import (
    Liveness,
    Overcommitment,
    PlatformList,
    PlatformSummary,
    Poked,
    Readiness,
    ReadinessCheck,
    Welcome,
)
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import Reading, read_request, read_update
from execution_broker.models.update import Update

Handler = Callable[[Call], Awaitable[Response]]


_LINKS: Final = {
    "description": "/openapi.json",
    "status": "/readyz",
    "platforms": "/platforms",
    "sessions": "/sessions",
}


class Stream(StrEnum):
    """The streams of an execution that are kept."""

    STDOUT = "stdout"
    STDERR = "stderr"


async def request_offers(call: Call) -> Response:
    reading, once = await _reading(call)
    offers = await call.services.offers.request(call.identity, reading, once)
    return _see_other(call, "/offersets", offers)


async def read_offers(call: Call) -> Response:
    format_ = call.representation.format
    shown = await call.services.offers.show(call.uuid, call.caller, format_, call.knows)
    return call.answer_shown(shown)


async def execute_directly(call: Call) -> Response:
    reading, once = await _reading(call)
    session = await call.services.sessions.direct(call.identity, reading, once)
    if session.phase is SessionPhase.FAILED:
        return call.answer(session, HTTPStatus.BAD_REQUEST)
    return _see_other(call, "/sessions", session)


async def update_session(call: Call) -> Response:
    update = read_update(await call.body(Update), call.limits.hiding)
    if isinstance(update, tuple):
        raise InvalidBody(update)
    expected = conditions.expected(call.request.headers)
    view = await call.services.sessions.update(call.uuid, call.identity, update, expected)
    return call.answer(view.session, headers={"ETag": call.tag(view.etag)})


async def fetch_result(call: Call) -> Response:
    path: str = call.request.path_params["path"]
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise NotFound("No result has this path.", "Use a path from the list of results.")
    kept = await call.services.sessions.result(call.uuid, path, call.identity)
    return await files.kept_file(call, kept)


def read_stream(stream: Stream) -> Handler:
    async def read(call: Call) -> Response:
        offset = queries.number(call.request.query_params, "offset", 0)
        view = await call.services.sessions.stream(call.uuid, stream, call.identity, offset)
        return files.stream(call, stream, view, offset)

    return read


async def list_platforms(call: Call) -> Response:
    platforms = await call.services.status.platforms()
    return call.answer(
        PlatformList(
            platforms=tuple(
                PlatformSummary(
                    name=platform.name,
                    description=platform.description or None,
                    reported=platform.reported_at,
                    kinds=tuple(sorted(platform.kinds)),
                    amounts=dict(platform.capacity),
                    overcommitted=tuple(
                        Overcommitment(
                            amount=one.name,
                            excess=one.amount,
                            start=from_epoch(one.start),
                            end=from_epoch(one.end),
                        )
                        for one in platform.overcommitted
                    ),
                )
                for platform in platforms
            )
        )
    )


async def poke(call: Call) -> Response:
    return call.answer(Poked(steps=await call.services.status.poke()))


async def welcome(call: Call) -> Response:
    return call.answer(
        Welcome(
            service="IVOA Execution Broker",
            version=__version__,
            links={name: call.location(path) for name, path in _LINKS.items()},
        )
    )


async def tell_liveness(call: Call) -> Response:
    return call.answer(Liveness(alive=True))


async def tell_readiness(call: Call) -> Response:
    """What is wrong may name machines of the site: only the administrator reads that."""
    told = call.caller is not None and call.caller.is_administrator
    checks = tuple(
        ReadinessCheck(
            name=check.name, passed=check.fault is None, fault=check.fault if told else None
        )
        for check in await call.services.status.ready()
    )
    ready = all(check.passed for check in checks)
    return call.answer(
        Readiness(ready=ready, checks=checks),
        HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def read_document(format_: Format) -> Handler:
    """The OpenAPI document. It is made from the table that this stands in, so the application
    hands it in."""

    async def read(call: Call) -> Response:
        document: bytes = call.request.app.state.document(format_)
        return Response(document, media_type=format_.types[0])

    return read


async def _reading(call: Call) -> tuple[Reading, Once | None]:
    """What is requested, and the key that it may be repeated under."""
    headers, path = call.request.headers, call.request.scope["path"]

    def understand(values: object) -> tuple[Reading, Once | None]:
        reading = read_request(values, call.limits.hiding)
        if reading.faults:
            raise InvalidBody(reading.faults)
        return reading, conditions.once(headers, path, values)

    return await call.understood(ExecutionRequest, understand)


def _see_other(call: Call, collection: str, body: Component) -> Response:
    assert body.meta is not None, "everything that is stored has its metadata"
    location = call.location(f"{collection}/{body.meta.uuid}")
    return call.answer(body, HTTPStatus.SEE_OTHER, {"Location": location})
