"""YAML bodies: the core schema of 1.2, and nothing that expands or constructs."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import MalformedBody
from execution_broker.formats import yaml as yaml_format
from execution_broker.formats.limits import DEPTH
from execution_broker.models.execution import ExecutionRequest

MISLEADING = st.sampled_from(
    [
        *("NO", "no", "y", "N", "on", "Off", "yes", "true", "FALSE", "null", "~", "", "=", "<<"),
        *("2027-01-01", "2027-01-01T00:00:00Z", "12:30:45", "1:20", "190:20:30.15", "-1:10"),
        *("1_000", "0b11", "0o17", "0x1F", "017", "1e5", ".5", "5.", "+1", "-.inf", ".NaN", "1.10"),
        *("- a", "a: b", "# c", "a #b", "!x", "&a", "*a", "@a", "`a", "%a", "|", ">", "?", "? a"),
        *("'", '"', "{", "[", "a\nb", "a\n", "\na", "  a ", "a\tb", "---", "...", "\x85", "\u2028"),
        *("\ufeff", "\U0001f600", "\x7f", "\x1b", "a" * 200, "a " * 100),
    ]
)
TEXT = MISLEADING | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert yaml_format.read(yaml_format.write(value)) == value


@given(st.lists(TEXT, max_size=6), st.dictionaries(TEXT, TEXT, max_size=4))
def test_a_reader_of_yaml_1_1_reads_the_same_text(items: list[str], named: dict[str, str]) -> None:
    written = yaml_format.write({"items": items, "named": named})
    assert yaml.safe_load(written) == {"items": items, "named": named}


@pytest.mark.parametrize("text", ["y", "n", "Y", "N", "1e5", "0o17", ".5e1", "12:30:45"])
def test_what_some_reader_would_misread_is_quoted(text: str) -> None:
    assert yaml_format.write([text]).decode() == f'- "{text}"\n'


def test_shared_parts_are_written_out() -> None:
    shared = {"a": [1]}
    assert yaml_format.read(yaml_format.write([shared, shared])) == [shared, shared]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("NO", "no", "yes", "on", "off", "y", "nO", "tRUE")),
        *((word, word) for word in ("2027-01-01", "2027-01-01T00:00:00Z", "12:30:45", "1_000")),
        *((word, word) for word in ("0b11", "<<", "=", "1.2.3", "+0x1F", "٣")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("null", "Null", "NULL", "~", "")),
        ("17", 17),
        ("-017", -17),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.10", 1.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("'17'", "17"),
        ('"true"', "true"),
        ("|-\n  no", "no"),
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    read: Any = yaml_format.read(f"- {text}\n".encode())
    assert read == [value]
    assert type(read[0]) is type(value)


def test_environment_keeps_its_text() -> None:
    body = """
    executable:
      environment: {A: no, B: 1.10, C: 0x1F, D: ~, E: , F: null, G: 'x', H: 2027-01-01, I: true}
      parameters: {a: 1.10, environment: {b: 1.10}}
    environment: {a: 1}
    """
    assert yaml_format.read(body.encode(), ExecutionRequest) == {
        "executable": {
            "environment": {
                "A": "no",
                "B": "1.10",
                "C": "0x1F",
                "D": "~",
                "E": "",
                "F": "null",
                "G": "x",
                "H": "2027-01-01",
                "I": "true",
            },
            "parameters": {"a": 1.1, "environment": {"b": 1.1}},
        },
        "environment": {"a": 1},
    }


def test_null_means_absent_and_keys_are_text() -> None:
    assert yaml_format.read(b"{a: ~, b: {c: }, 1: x, yes: y, null: z, d: [~]}") == {
        "b": {},
        "1": "x",
        "yes": "y",
        "null": "z",
        "d": [None],
    }


def test_an_empty_document_is_nothing() -> None:
    assert yaml_format.read(b"") is None
    assert yaml_format.read(b"---\n...\n") is None
    assert yaml_format.read(b"\xef\xbb\xbfa: 1") == {"a": 1}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"a: &x 1\nb: *x", "anchors"),
        (b"a: *x", "anchors"),
        (b"&x a: 1", "anchors"),
        (b"a: &x {<<: *x}", "anchors"),
        (b"a: !!python/object/apply:os.system ['true']", "tags"),
        (b"a: !!str 1", "tags"),
        (b"a: ! 1", "tags"),
        (b"!x a: 1", "tags"),
        (b"{executable: {environment: {A: !!str 1}}}", "tags"),
        (b"{executable: {environment: {A: &x 1}}}", "anchors"),
        (b"a: 1\na: 2", "twice"),
        (b"a: ~\na: 2", "twice"),
        (b"[a]: 1", "no text"),
        (b"? {a: 1}\n: 2", "no text"),
        (b"a: 1\n---\nb: 2", "more than one"),
        (b"a: .nan", "finite"),
        (b"a: -.Inf", "finite"),
        (b"a: 1e999", "out of range"),
        (b"a: " + b"9" * 5000, "out of range"),
        (b"a: [", "line [12], column"),
        (b"\ta: 1", "YAML"),
        (b"a: \x01", "YAML"),
        (b'a: "\\0"', "character"),
        (b'a: "\\ud800"', "YAML"),
        (b'"\\0": 1', "character"),
        (b"a: \xff", "UTF-8"),
        ("a: 1".encode("utf-16"), "UTF-8"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), "deeper"),
        (b"{a: " * 100_000, "deeper"),
        (b"- " * 100_000, "deeper"),
    ],
    ids=lambda part: repr(part[:16]),
)
def test_what_is_not_plain_is_malformed(body: bytes, why: str) -> None:
    with pytest.raises(MalformedBody, match=why):
        yaml_format.read(body)


def test_depth_up_to_the_bound_is_read() -> None:
    assert yaml_format.read(b"[" * DEPTH + b"]" * DEPTH)
