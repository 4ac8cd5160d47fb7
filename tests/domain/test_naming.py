"""Names of sources: safe on a disk, silent about secrets in messages."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.naming import (
    distinct,
    file_name,
    numbered_file,
    safe_name,
    shown,
    variables,
)

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
SECRET = st.from_regex(r"[a-z0-9]{12}", fullmatch=True)


@given(TEXT)
def test_a_safe_name_can_be_read_back(name: str) -> None:
    assert unquote(safe_name(name)) == name


@given(st.text())
def test_a_safe_name_is_one_visible_component(name: str) -> None:
    safe = safe_name(name)
    assert safe.isprintable()
    assert not safe.startswith(".")
    assert "/" not in safe
    assert 0 < len(safe.encode()) <= 200


def test_names_that_are_too_long_stay_apart() -> None:
    assert safe_name("n" * 500) != safe_name("n" * 501)


@pytest.mark.parametrize(
    ("name", "location", "expected"),
    [
        (None, "https://host/dir/file.fits", "file.fits"),
        (None, "https://host/dir/a%20b.fits?token=x#y", "a b.fits"),
        (None, "https://host/dir/", "dir"),
        (None, "https://host", "data"),
        (None, "https://host/a%2Fb", "a%2Fb"),
        (None, "https://host/%2e%2e", "%2E."),
        (None, "https://host/%ff", "%25ff"),
        (None, "https://[broken", "data"),
        ("M31", "https://host/file.fits", "M31"),
        ("", "https://host/file.fits", "file.fits"),
        ("..", "https://host/file.fits", "%2E."),
        ("100%", "https://host/file.fits", "100%25"),
        ("a/b", "https://host/file.fits", "a%2Fb"),
    ],
)
def test_a_name_comes_from_the_client_or_the_url(
    name: str | None, location: str, expected: str
) -> None:
    assert file_name(name, location) == expected


@given(SECRET, SECRET, SECRET, st.sampled_from(["http", "https", "s3"]))
def test_what_is_shown_holds_no_secret(user: str, password: str, token: str, scheme: str) -> None:
    location = f"{scheme}://{user}:{password}@host:80/path?token={token}#{token}"
    assert shown(location) == f"{scheme}://host:80/path"


@given(st.text(alphabet="/?#@:\\ab1", max_size=6), SECRET, st.text("/?#:ab1", max_size=4))
def test_a_password_with_delimiters_is_not_shown(before: str, secret: str, after: str) -> None:
    assert secret not in shown(f"http://user:{before}{secret}{after}@host/path")


def test_what_is_shown_fits_into_one_line() -> None:
    location = shown("http://host/" + quote("x") * 5000)
    assert len(location) == 300
    assert shown("http://host/a\x1b[31mb").isprintable()


@given(st.lists(st.sampled_from(["a", "a_2", "a-b", "a.b", "A_B", "", "é", "a_b_2"])))
def test_variables_are_distinct_and_the_first_of_several_is_plain(names: list[str]) -> None:
    found = variables("BROKER_DATA", names)
    assert len(set(found)) == len(found) == len(names)
    assert found[:1] == [f"BROKER_DATA_{name}" for name in _plain(names[:1])]
    assert found[: len(names) - 1] == variables("BROKER_DATA", names[:-1])


@given(st.lists(TEXT.map(safe_name)))
def test_files_are_distinct_and_as_long_as_names_may_be(names: list[str]) -> None:
    found = distinct([*names, *names], numbered_file)
    assert len(set(found)) == len(found)
    assert max((len(name.encode()) for name in found), default=0) <= 255


def test_a_number_goes_before_what_tells_the_kind() -> None:
    names = ("sync", "cat.fits", "cat.fits.gz", "M 31.v2.csv", "%2Egit", "a.b_c-d e")
    assert [numbered_file(name, 2) for name in names] == [
        "sync_2",
        "cat_2.fits",
        "cat_2.fits.gz",
        "M 31.v2_2.csv",
        "%2Egit_2",
        "a_2.b_c-d e",
    ]


def _plain(names: list[str]) -> list[str]:
    return ["".join(c if c.isascii() and c.isalnum() else "_" for c in n).upper() for n in names]
