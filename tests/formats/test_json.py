"""JSON bodies: what is read, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import MalformedBody
from execution_broker.formats import json as json_format
from execution_broker.formats.limits import DEPTH

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
TRICKY = st.sampled_from([":", '":', "a:b", "\\u003a", '\\":', "null", "{", "[", "é:"]) | TEXT
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TRICKY
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TRICKY, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_reads_what_json_means(value: Any, escaped: bool, indent: int | str | None) -> None:  # noqa: FBT001 - drawn by hypothesis
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    assert json_format.read(text.encode()) == value


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert json_format.read(json_format.write(value)) == value


@given(st.dictionaries(TRICKY, VALUES, min_size=1, max_size=4), VALUES, st.data())
def test_a_key_given_twice_is_refused(members: dict[str, Any], other: Any, data: Any) -> None:
    twice = data.draw(st.sampled_from(sorted(members)))
    spelling = data.draw(st.sampled_from([json.dumps(twice), _all_escaped(twice)]))
    colon = data.draw(st.sampled_from([":", " : "]))
    place = data.draw(st.sampled_from(["{}", "[1, {}]", '{{"a": {}}}']))
    whole = json.dumps(members).removesuffix("}") + f", {spelling}{colon}{json.dumps(other)}}}"
    body = place.format(whole)
    with pytest.raises(MalformedBody, match="twice"):
        json_format.read(body.encode())


def _all_escaped(text: str) -> str:
    units = text.encode("utf-16-be").hex()
    return '"' + "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)) + '"'


def test_null_means_absent_but_keeps_its_place_in_a_list() -> None:
    assert json_format.read(b'{"a": null, "b": {"c": null}, "d": [null, {"e": null}]}') == {
        "b": {},
        "d": [None, {}],
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b"Infinity",
        b"1e999",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"// comment\n{}",
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'"\\ud800"',
        b'{"a": ["\\u0000"]}',
        b'{"\\u0000": 1}',
        b"1" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_json_does_not_allow_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        json_format.read(body)


def test_depth_is_bounded() -> None:
    json_format.read(b"[" * DEPTH + b"]" * DEPTH)
    json_format.read(b'{"a":' * DEPTH + b"1" + b"}" * DEPTH)
    with pytest.raises(MalformedBody, match="deeper"):
        json_format.read(b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1))
    wide: list[Any] = [[[]] * 3] * 100
    assert json_format.read(json.dumps(wide).encode()) == wide
