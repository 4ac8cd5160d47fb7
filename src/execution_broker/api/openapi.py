"""The OpenAPI 3.1 document, made from the route table and the wire structs.

`python -m execution_broker.api.openapi` prints it as YAML, as it is kept in
`docs/reference/openapi.yaml`.
"""

import re
import sys
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any, Final, assert_never

from execution_broker.api.identity import Access
from execution_broker.api.problems import PLAIN
from execution_broker.api.routes import ROUTES, Answer, Link, Parameter, Route
from execution_broker.api.schemas import Schemas
from execution_broker.formats import FORMATS, YAML, Format
from execution_broker.models.extensions import Problem

_PARAMETER: Final = re.compile(r"\{(\w+):(\w+)\}")
_IDENTIFIED: Final[list[dict[str, list[str]]]] = [{"basic": []}, {"bearer": []}]
_BINARY: Final = ("*/*", "application/octet-stream")
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_DEFAULT: Final = Answer("Any fault, as a problem document.", Problem)


def document(table: Iterable[Route]) -> dict[str, Any]:
    """The document as plain values."""
    table = tuple(table)
    schemas = Schemas(_wire_types(table))
    described: dict[str, dict[str, Any]] = {}
    for route in table:
        path = _PARAMETER.sub(r"{\1}", route.path)
        described.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IVOA Execution Broker",
            "version": "1.0",
            "description": (
                "Where, when and at what cost can this run? Offers that hold real capacity, and "
                "sessions that run what was accepted. Bodies are JSON, YAML or XML, in both "
                "directions, by Content-Type and Accept. Absent values are omitted, never null. "
                "Properties that are not listed here are accepted and ignored."
            ),
        },
        "paths": described,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


@cache
def written(format_: Format) -> bytes:
    """The document of the whole table in one format, made once for a process."""
    return format_.write(document(ROUTES))


def _wire_types(table: Iterable[Route]) -> list[Any]:
    found: list[Any] = [Problem]
    for route in table:
        answered = (answer.body for answer in route.answers.values())
        for type_ in (route.body, *answered):
            if type_ is not None and not isinstance(type_, str) and type_ not in found:
                found.append(type_)
    return found


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "security": _security(route.access),
    }
    parameters = [_in_path(*found) for found in _PARAMETER.findall(route.path)]
    if parameters := [*parameters, *map(_parameter, route.parameters)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body, schemas)}
    if route.content is not None:
        operation["requestBody"] = {"required": True, "content": {route.content: _BYTES}}
    operation["responses"] = {
        **{
            str(int(status)): _response(status, answer, schemas, route.also)
            for status, answer in sorted(route.answers.items())
        },
        "default": _response(HTTPStatus.BAD_REQUEST, _DEFAULT, schemas, ()),
    }
    return operation


def _security(access: Access) -> list[dict[str, list[str]]]:
    match access:
        case Access.PUBLIC | Access.PUBLIC_READING:
            return [{}, *_IDENTIFIED]
        case Access.ANY_IDENTITY | Access.OWNER | Access.ADMINISTRATOR:
            return _IDENTIFIED
        case _:
            assert_never(access)


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _in_path(name: str, convertor: str) -> dict[str, Any]:
    schema = {"type": "string", **({"format": "uuid"} if convertor == "uuid" else {})}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _response(
    status: int, answer: Answer, schemas: Schemas, also: Iterable[Format]
) -> dict[str, Any]:
    """One answer. A failure may always be a problem document instead of its own body."""
    response: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        response["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in answer.headers.items()
        }
    if answer.links:
        response["links"] = {name: _link(link) for name, link in answer.links.items()}
    if isinstance(answer.body, str):
        response["content"] = {answer.body: _BYTES if answer.body in _BINARY else {}}
    elif answer.body is not None:
        problem = _content(Problem, schemas) if status >= HTTPStatus.BAD_REQUEST else {}
        response["content"] = _content(answer.body, schemas) | problem
        if status == HTTPStatus.OK:
            text = {"schema": {"type": "string"}}
            response["content"] |= {format_.types[0]: text for format_ in also}
    return response


LINK_BODY: Final = "x-requestBody"
"""What to send along a link. The specification has `requestBody` for it, with any value; a parser
that many generators use takes text alone there, and refuses the whole document otherwise."""


def _link(link: Link) -> dict[str, Any]:
    body = {} if link.body is None else {LINK_BODY: link.body}
    return {
        "operationId": link.operation_id,
        "description": link.description,
        "parameters": dict(link.parameters),
        **body,
    }


def _content(type_: Any, schemas: Schemas) -> dict[str, Any]:
    schema = {"schema": schemas.reference(type_)}
    if type_ is Problem:
        problems = {f"application/problem{format_.suffix}": schema for format_ in FORMATS}
        return {**problems, PLAIN.types[0]: {"schema": {"type": "string"}}}
    return {format_.types[0]: schema for format_ in FORMATS}


if __name__ == "__main__":
    sys.stdout.buffer.write(written(YAML))
