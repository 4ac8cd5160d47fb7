"""Pages about the HTTP interface, made from its OpenAPI document and the listing of the published
one: every operation and schema, and what we add to the standard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from execution_broker.api.openapi import document
from execution_broker.api.routes import ROUTES
from execution_broker.formats import FORMATS

PUBLISHED: Final = Path(__file__).parent.parent / "tests" / "standard" / "published.json"

_INTERFACE: Final = """# Operations and schemas

<!-- Made by `make generate`; do not edit. -->

Everything of [the OpenAPI document](openapi.yaml), to read. Where bodies are named by a schema,
they come as JSON, YAML or XML. Every operation may also answer with a [problem](problems/index.md).
"""
_DIFFERENCES: Final = """# Differences from the published schema

<!-- Made by `make generate`; do not edit. -->

Nothing of the IVOA Execution Broker interface 1.0 is missing or has another meaning; a test
compares its operations, names, types, enums and required lists with ours. What is listed here is
added. A client that knows the standard alone never meets a kind that it did not send.

Three things the standard leaves open are decided here. Sessions are always served as
`scheduled-execution-session`; the abstract cost and metric, and the simple session, are read by no
generated client and never served. A request is answered with 303 and the offer set as body, so that
following is optional. What a request asks for and nobody can provide is a NO with reasons, never an
error.
"""
_STANDS_FOR: Final = {"SimpleExecutionSession": "ScheduledExecutionSession"}
_REF: Final = "#/components/schemas/"


def interface() -> str:
    return "\n".join(_interface(document(ROUTES)))


def differences() -> str:
    return "\n".join(_differences(document(ROUTES), json.loads(PUBLISHED.read_text("utf-8"))))


def _interface(described: dict[str, Any]) -> Iterator[str]:
    yield _INTERFACE
    access = {route.operation_id: route.access.name.lower().replace("_", " ") for route in ROUTES}
    for method, path, operation in _operations(described):
        yield from (f"## {method} {path}", "", operation["summary"], "")
        yield f"`{operation['operationId']}`, for: {access[operation['operationId']]}."
        yield ""
        if "requestBody" in operation:
            yield from (f"Body: {_body(operation['requestBody'])}.", "")
        if parameters := operation.get("parameters"):
            yield from ("| parameter | in | |", "|---|---|---|")
            for one in parameters:
                told = one.get("description", "")
                yield f"| `{one['name']}` | {one['in']} | {told} |"
            yield ""
        yield from ("| answer | body | |", "|---|---|---|")
        for status, answer in operation["responses"].items():
            if status != "default":
                yield f"| {status} | {_body(answer)} | {answer['description']} |"
        yield ""
        if links := _links(operation):
            yield from ("It leads on to " + ", ".join(links) + ".", "")
    yield from ("# Schemas", "")
    for name, schema in described["components"]["schemas"].items():
        yield from _schema(name, schema)


def _links(operation: dict[str, Any]) -> list[str]:
    """The operations that the answers lead to, each once, in the order of the document."""
    answers = operation["responses"].values()
    targets = [link["operationId"] for one in answers for link in one.get("links", {}).values()]
    return [f"`{target}`" for target in dict.fromkeys(targets)]


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"## {name}", "")
    if "oneOf" in schema:
        yield from ("One of these, told apart by `kind`:", "")
        for kind, target in schema["discriminator"]["mapping"].items():
            yield f"* {_link(target)}: `{kind}`"
    elif "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"]) + "."
    else:
        needed = set(schema.get("required", ()))
        yield from ("| property | type | needed |", "|---|---|---|")
        for key, part in schema.get("properties", {}).items():
            yield f"| `{key}` | {_type(part)} | {'yes' if key in needed else ''} |"
    yield ""


def _differences(described: dict[str, Any], published: dict[str, Any]) -> Iterator[str]:
    yield _DIFFERENCES
    yield from ("## Operations", "", "| operation | |", "|---|---|")
    for method, path, operation in _operations(described):
        if f"{method} {path}" not in published["operations"]:
            yield f"| `{method} {path}` | {operation['summary']} |"
    yield from ("", "## Properties", "", "All are optional, and echoed only if they were sent.", "")
    yield from ("| schema | property | type |", "|---|---|---|")
    schemas = described["components"]["schemas"]
    for name, facts in sorted(published["schemas"].items()):
        ours = schemas[_STANDS_FOR.get(name, name)].get("properties", {})
        for key, part in ours.items():
            if key not in facts.get("properties", ours) and name not in _STANDS_FOR:
                yield f"| `{name}` | `{key}` | {_type(part)} |"
    yield from ("", "## Headers and media types", "")
    types = ", ".join(f"`{one}`" for format_ in FORMATS for one in format_.types)
    yield f"* Bodies: {types}, and any type that ends in `+json`, `+yaml` or `+xml`."
    for parameter in sorted(
        {
            one["name"]: one["description"]
            for _, _, operation in _operations(described)
            for one in operation.get("parameters", ())
            if one["in"] == "header"
        }.items()
    ):
        yield f"* `{parameter[0]}`: {parameter[1]}"
    yield ""


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _body(described: dict[str, Any]) -> str:
    content = described.get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is not None:
        return _type(schema)
    if "application/problem+json" in content:
        return _link(_REF + "Problem")
    return ", ".join(f"`{one}`" for one in content)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'])}"
        case "object":
            return f"map of {_type(schema.get('additionalProperties', {}))}"
        case None:
            return "anything"
        case type_:
            format_ = schema.get("format")
            return f"{type_} ({format_})" if format_ else str(type_)


def _link(reference: str) -> str:
    name = reference.removeprefix(_REF)
    return f"[{name}](interface.md#{name.lower()})"
