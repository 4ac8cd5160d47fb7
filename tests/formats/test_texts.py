"""Where a wire type wants text, every scalar is the text that was written, in every format."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.formats import JSON, XML, YAML
from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.extensions import AccountRequest
from execution_broker.models.reading import read_request, read_update
from execution_broker.models.update import StringUpdate, Update

DIGEST: Final = "1234567890" * 3 + "e" + "9" * 33
"""A sha256 that is a number beyond all bounds, were it one."""

JSON_SCALARS: Final = [
    *("0", "-0", "7", "2026", "1.10", "1e10", "-1.5E+3", "0.1", "true", "false"),
    *("9" * 30, "0.1000000000000000055511151231257827"),
]
YAML_SCALARS: Final = [
    *JSON_SCALARS,
    *("007", "0o17", "0x1F", "+1", ".5", "5.", "True", "FALSE", ".inf", ".NaN", "-.Inf", DIGEST),
    *("1e999", "no", "2027-01-01"),
]


def body(scalar: str) -> str:
    """A request that has the scalar wherever it can have text, in JSON and so in YAML, too."""
    return f"""{{
        "executable": {{
            "kind": "{kinds.DOCKER_CONTAINER}",
            "meta": {{"name": {scalar}, "description": {scalar}}},
            "image": {{"locations": [{scalar}, {scalar}], "digest": {scalar}}},
            "command": ["sleep", {scalar}],
            "environment": {{"A": {scalar}, "B": "b"}}
        }},
        "data": [
            {{
                "kind": "{kinds.RUCIO_DATA}",
                "rucio": {{"scope": {scalar}, "object": {scalar}}},
                "storage": {scalar},
                "checks": {{"size": 1, "sha256": {scalar}, "md5": {scalar}}}
            }}
        ],
        "costs": [{{"kind": "{kinds.MINMAX_COST}", "type": {scalar}, "max": 1.10}}],
        "schedule": {{"requested": {{"duration": {scalar}}}}}
    }}"""


def wanted(text: str) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(body(json.dumps(text)))
    return plain


@pytest.mark.parametrize("scalar", JSON_SCALARS)
def test_json_keeps_what_was_written(scalar: str) -> None:
    assert JSON.read(body(scalar).encode(), ExecutionRequest) == wanted(scalar)


@pytest.mark.parametrize("scalar", YAML_SCALARS)
def test_yaml_keeps_what_was_written(scalar: str) -> None:
    assert YAML.read(body(scalar).encode(), ExecutionRequest) == wanted(scalar)


@pytest.mark.parametrize("scalar", YAML_SCALARS)
def test_xml_keeps_what_was_written(scalar: str) -> None:
    executable = f'<executable kind="{kinds.DOCKER_CONTAINER}"><command><item>{scalar}</item>'
    request = f"<offers-request>{executable}</command></executable></offers-request>"
    read: Any = XML.read(request.encode(), ExecutionRequest)
    assert read["executable"]["command"] == [scalar]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans())
def test_every_json_number_and_boolean_is_kept(value: float) -> None:
    scalar = json.dumps(value)
    assert JSON.read(body(scalar).encode(), ExecutionRequest) == wanted(scalar)


def test_an_example_of_the_author_of_the_standard_can_be_read() -> None:
    text = f'{{"executable": {{"kind": "{kinds.DOCKER_CONTAINER}", "command": [10, 0]}}}}'
    for format_ in (JSON, YAML):
        reading = read_request(format_.read(text.encode(), ExecutionRequest))
        assert reading.faults == ()
        assert reading.request.executable is not None
        assert reading.request.executable.command == ("10", "0")  # type: ignore[union-attr]


@pytest.mark.parametrize("format_", [JSON, YAML], ids=lambda one: one.name)
def test_what_is_no_text_stays_what_it_is(format_: Any) -> None:
    text = f"""{{
        "executable": {{
            "kind": "{kinds.JUPYTER_NOTEBOOK}",
            "location": 7,
            "parameters": {{"a": 1.10, "b": [true, 7], "environment": {{"c": 1}}}},
            "replace": true
        }},
        "compute": {{"kind": "{kinds.SIMPLE_COMPUTE}", "cores": {{"min": 2}}, "teapot": 1.10}}
    }}"""
    read: Any = format_.read(text.encode(), ExecutionRequest)
    assert read["executable"]["location"] == "7"
    assert read["executable"]["parameters"] == {"a": 1.1, "b": [True, 7], "environment": {"c": 1}}
    assert read["executable"]["replace"] is True
    assert read["compute"]["cores"] == {"min": 2}
    assert read["compute"]["teapot"] == 1.1


@pytest.mark.parametrize("format_", [JSON, YAML], ids=lambda one: one.name)
@pytest.mark.parametrize("kind", ["", '"kind": 7,', '"kind": "urn:unheard-of",'])
def test_what_is_of_no_known_kind_is_read_as_any_of_them(format_: Any, kind: str) -> None:
    """A broker that knows the kind may be asked later."""
    text = f'{{"executable": {{{kind} "environment": {{"VERSION": 1.10}}, "meta": {{"name": 7}}}}}}'
    read: Any = format_.read(text.encode(), ExecutionRequest)
    assert read["executable"]["environment"] == {"VERSION": "1.10"}
    assert read["executable"]["meta"] == {"name": "7"}


@pytest.mark.parametrize("format_", [JSON, YAML], ids=lambda one: one.name)
def test_null_is_absent_and_no_text(format_: Any) -> None:
    text = '{"executable": {"location": null, "command": [null]}, "schedule": null}'
    read = format_.read(text.encode(), ExecutionRequest)
    assert read == {"executable": {"command": [None]}}


@pytest.mark.parametrize("format_", [JSON, YAML], ids=lambda one: one.name)
def test_every_body_keeps_its_texts(format_: Any) -> None:
    account = b'{"username": 1.10, "password": 1234}'
    assert format_.read(account, AccountRequest) == {"username": "1.10", "password": "1234"}
    update = '{"kind": "uri:string-value-update", "path": "meta.name", "value": 2026}'
    assert read_update(format_.read(update.encode(), Update)) == StringUpdate("meta.name", "2026")
    number = '{"kind": "uri:integer-value-update", "path": "compute.cores", "value": 4}'
    assert format_.read(number.encode(), Update)["value"] == 4


@pytest.mark.parametrize("format_", [JSON, YAML], ids=lambda one: one.name)
@pytest.mark.parametrize("text", ["[]", "7", "true", '"x"', '{"executable": [1, {"a": 2}]}'])
def test_what_is_not_of_its_type_stays_as_it_is(format_: Any, text: str) -> None:
    assert format_.read(text.encode(), ExecutionRequest) == json.loads(text)
