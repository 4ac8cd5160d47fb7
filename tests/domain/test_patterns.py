"""Patterns stand for what they say, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.patterns import matches, matches_any, matches_any_case
from tests.domain.builders import EXAMPLES


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a", "a"),
        ("https://*.org/**", "https://a.b.org/c/d?e"),
        ("*/app:*", "team/app:1"),
        ("**", ""),
        ("a*b*c", "abc"),
        ("a.b", "a.b"),
    ],
)
def test_it_matches(pattern: str, text: str) -> None:
    assert matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("a", "ab"), ("a", "A"), ("*", "a/b"), ("*", "a@b"), ("a.b", "axb"), ("[ab]", "a")],
)
def test_it_does_not_match(pattern: str, text: str) -> None:
    assert not matches(pattern, text)
    assert not matches_any([pattern], text)


def test_case_is_the_same_where_something_is_forbidden() -> None:
    assert matches_any_case(["HTTP://**"], "http://a")


@EXAMPLES
@given(st.text())
def test_a_text_without_stars_matches_itself_alone(text: str) -> None:
    plain = text.replace("*", "")
    assert matches(plain, plain)
    assert not matches(plain, plain + "x")
    assert matches("**", text)
