"""Safe names of users: one path for each name, and back."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.platforms.local.names import original_name, safe_name

NAMES = st.text(max_size=255) | st.text(alphabet="./%+~-_ aA\0\u00e9\U0001f680", max_size=255)


@given(NAMES)
def test_the_name_comes_back(name: str) -> None:
    assert original_name(safe_name(name)) == name


@given(NAMES)
def test_a_path_is_below_where_it_is_put(name: str) -> None:
    parts = safe_name(name).split("/")
    for part in parts:
        assert part not in ("", ".", "..")
        assert not part.startswith(".")
        assert part.isascii()
        assert part.isprintable()
        assert len(part) <= 203
    assert [part.endswith("+") for part in parts] == [True] * (len(parts) - 1) + [False]


@given(NAMES, NAMES)
def test_no_name_lies_inside_another(one: str, other: str) -> None:
    first, second = PurePosixPath(safe_name(one)), PurePosixPath(safe_name(other))
    assert one == other or not first.is_relative_to(second)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("jane", "jane"),
        ("jane.doe@example.org", "jane.doe%40example.org"),
        ("..", "%2E."),
        ("a/b", "a%2Fb"),
        ("", "%"),
        ("ü", "%C3%BC"),
    ],
)
def test_names_stay_readable(name: str, safe: str) -> None:
    assert safe_name(name) == safe
