"""Our document holds what the published one says: names, types, enums, required lists, kinds.

`published.json` lists facts of the IVOA Execution Broker interface 1.0, its `allOf` flattened. A
type is its JSON name (with a format after a colon), the name of a schema, `[items]`, `{values}`,
or the list of an enum.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from execution_broker.api.openapi import document
from execution_broker.api.routes import ROUTES

PUBLISHED: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "published.json").read_text("utf-8")
)
DOCUMENT: Final = document(ROUTES)
SCHEMAS: Final[dict[str, Any]] = DOCUMENT["components"]["schemas"]

STANDS_FOR: Final = {"SimpleExecutionSession": "ScheduledExecutionSession"}
"""Schemas that are never served, and the one that holds their facts."""

NEVER_SERVED: Final = {
    "AbstractCostItem": {"AbstractCostItem"},
    "AbstractMetricItem": {"AbstractMetricItem"},
    "AbstractExecutionSession": {"SimpleExecutionSession"},
}
"""Members of unions that the standard has and we have not: real clients cannot read them."""

ALWAYS_SERVED: Final = {"OfferSetResponse": {"kind"}}
"""Properties that the standard leaves open and we promise."""


@pytest.mark.parametrize("operation", sorted(PUBLISHED["operations"]))
def test_operations(operation: str) -> None:
    method, path = operation.split()
    ours = DOCUMENT["paths"][path][method.lower()]
    assert ours["operationId"] == PUBLISHED["operations"][operation]


@pytest.mark.parametrize("name", sorted(PUBLISHED["unions"]))
def test_unions(name: str) -> None:
    wanted = {
        kind: member
        for kind, member in PUBLISHED["unions"][name].items()
        if member not in NEVER_SERVED.get(name, set())
    }
    ours = SCHEMAS[name]["discriminator"]
    assert ours["propertyName"] == "kind"
    assert {kind: _name(target) for kind, target in ours["mapping"].items()} == wanted
    assert {_name(part["$ref"]) for part in SCHEMAS[name]["oneOf"]} == set(wanted.values())
    for kind, member in wanted.items():
        assert SCHEMAS[member]["properties"]["kind"]["enum"] == [kind]


@pytest.mark.parametrize("name", sorted(PUBLISHED["schemas"]))
def test_schemas(name: str) -> None:
    wanted, ours = PUBLISHED["schemas"][name], SCHEMAS[STANDS_FOR.get(name, name)]
    if "enum" in wanted:
        assert sorted(ours["enum"]) == wanted["enum"]
        return
    types = {key: _type(key, part) for key, part in ours["properties"].items()}
    assert {key: types.get(key) for key in wanted["properties"]} == wanted["properties"]
    required = set(ours.get("required", []))
    assert required - set(wanted["required"]) == ALWAYS_SERVED.get(name, set())
    assert required >= set(wanted["required"])


def _type(key: str, schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _name(schema["$ref"])
    if "enum" in schema:
        return "string" if key == "kind" else sorted(schema["enum"])
    if schema["type"] == "array":
        return f"[{_type('', schema['items'])}]"
    if schema["type"] == "object":
        return f"{{{_type('', schema.get('additionalProperties', {'type': 'any'}))}}}"
    format_ = schema.get("format")
    return f"{schema['type']}:{format_}" if format_ else schema["type"]


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
