"""The OpenAPI document: kept, served, and true to the route table."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from execution_broker.api.openapi import LINK_BODY, document
from execution_broker.api.routes import ROUTES
from execution_broker.formats import yaml

KEPT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.yaml"
COMMAND = "python -m execution_broker.api.openapi > docs/reference/openapi.yaml"


def test_the_kept_document_is_the_one_that_is_made() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "execution_broker.api.openapi"], capture_output=True, check=True
    )
    assert made.stdout == KEPT.read_bytes(), f"{KEPT.name} is out of date. Run: {COMMAND}"


async def test_the_served_documents_are_the_kept_one(anybody: httpx.AsyncClient) -> None:
    as_yaml, as_json = await anybody.get("/openapi.yaml"), await anybody.get("/openapi.json")
    assert as_yaml.content == KEPT.read_bytes()
    assert as_json.json() == yaml.read(as_yaml.content)
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_json.headers["content-type"] == "application/json"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(ROUTES)


def test_every_route_is_described(made: dict[str, Any]) -> None:
    described = {
        operation["operationId"]: set(operation["responses"]) - {"default"}
        for methods in made["paths"].values()
        for operation in methods.values()
    }
    assert described == {
        route.operation_id: {str(int(status)) for status in route.answers} for route in ROUTES
    }


def test_every_reference_leads_somewhere(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    references = set(_values(made, "$ref")) | {
        target
        for schema in schemas.values()
        for target in schema.get("discriminator", {}).get("mapping", {}).values()
    }
    assert references == {f"#/components/schemas/{name}" for name in schemas}


def test_every_link_leads_to_an_operation_with_what_it_needs(made: dict[str, Any]) -> None:
    operations = {
        one["operationId"]: one for path in made["paths"].values() for one in path.values()
    }
    followed = 0
    for operation in operations.values():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                target = operations[link["operationId"]]
                needed = {one["name"] for one in target["parameters"] if one.get("required")}
                assert set(link["parameters"]) == needed
                assert (LINK_BODY in link) <= ("requestBody" in target)
                for expression in link["parameters"].values():
                    assert _is_there(made, operation, answer, expression), expression
                    followed += 1
    assert followed > 30


def _is_there(
    made: dict[str, Any], operation: dict[str, Any], answer: dict[str, Any], expression: str
) -> bool:
    """Whether the schema of the request or of the answer has the place."""
    if name := expression.removeprefix("$request.path.") * expression.startswith("$request.path."):
        return any(one["name"] == name for one in operation["parameters"])
    schema = answer["content"]["application/json"]["schema"]
    for step in expression.removeprefix("$response.body#/").split("/"):
        schema = _resolved(made, schema)
        place = schema["items"] if step == "0" else schema.get("properties", {}).get(step)
        if place is None:
            return False
        schema = place
    return bool(_resolved(made, schema)["type"] == "string")


def _resolved(made: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or "oneOf" in schema:
        chosen = schema if "$ref" in schema else schema["oneOf"][0]
        schema = made["components"]["schemas"][chosen["$ref"].rpartition("/")[2]]
    return schema


def test_null_is_never_mentioned(made: dict[str, Any]) -> None:
    assert "null" not in set(_values(made, "type"))
    assert None not in list(_values(made, "default"))


def _values(part: Any, wanted: str) -> Any:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == wanted and not isinstance(value, dict):
                yield value
            yield from _values(value, wanted)
    elif isinstance(part, list):
        for value in part:
            yield from _values(value, wanted)
