"""Platforms, health, and this description."""

from http import HTTPStatus
from typing import Final

from execution_broker.api import handlers, vosi
from execution_broker.api.identity import Access
from execution_broker.api.routes.base import ONLY_ADMINISTRATOR, Answer, Route
from execution_broker.formats import JSON, YAML
from execution_broker.models.extensions import Liveness, PlatformList, Poked, Readiness, Welcome

ADMINISTRATION: Final = (
    Route(
        method="POST",
        path="/admin/poke",
        handler=handlers.poke,
        access=Access.ADMINISTRATOR,
        operation_id="Poke",
        summary="Let everything that waits look or try again now: retries, polls, upkeep.",
        answers={
            HTTPStatus.OK: Answer("How many steps look.", Poked),
            HTTPStatus.FORBIDDEN: ONLY_ADMINISTRATOR,
        },
    ),
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
        path="/",
        handler=handlers.welcome,
        access=Access.PUBLIC,
        operation_id="Welcome",
        summary="Learn what is here.",
        answers={HTTPStatus.OK: Answer("What it is, and where to go on.", Welcome)},
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
    Route(
        method="GET",
        path="/capabilities",
        handler=vosi.capabilities,
        access=Access.PUBLIC,
        operation_id="Capabilities",
        summary="Read where the interfaces of this service are (IVOA VOSI 1.1).",
        answers={HTTPStatus.OK: Answer("The VOSI capabilities.", vosi.MEDIA_TYPE)},
    ),
    Route(
        method="GET",
        path="/availability",
        handler=vosi.availability,
        access=Access.PUBLIC,
        operation_id="Availability",
        summary="Ask whether requests can be served (IVOA VOSI 1.1).",
        answers={HTTPStatus.OK: Answer("The VOSI availability.", vosi.MEDIA_TYPE)},
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
