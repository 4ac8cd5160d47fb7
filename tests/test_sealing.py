"""What is sealed opens for its place alone, with the key that it names, and not when touched."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.errors import CannotOpen
from execution_broker.sealing import KeyRing, key_of, new_key, read_keys

OLD, NEW = "2026-01:" + b64encode(b"o" * 32).decode(), "2026-02:" + b64encode(b"n" * 32).decode()
RING = KeyRing(read_keys(f"{OLD}\n{NEW}"))


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_can_be_opened(value: bytes, place: str) -> None:
    sealed = RING.seal(value, place)
    assert RING.open(sealed, place) == value
    assert sealed.isascii()
    assert len(value) < 8 or value not in sealed.encode()


def test_no_two_sealed_values_are_the_same() -> None:
    assert RING.seal(b"x", "p") != RING.seal(b"x", "p")


def test_the_newest_key_seals_and_all_open() -> None:
    before = KeyRing(read_keys(OLD)).seal(b"x", "p")
    assert key_of(before) == "2026-01"
    assert key_of(RING.seal(b"x", "p")) == RING.newest == "2026-02"
    assert RING.open(before, "p") == b"x"


def test_it_opens_nowhere_else() -> None:
    with pytest.raises(CannotOpen, match="not what was sealed here"):
        RING.open(RING.seal(b"x", "here"), "there")


@given(st.integers(0, 200), st.integers(0, 6))
def test_it_does_not_open_once_it_was_touched(place: int, first: int) -> None:
    """Whatever nonce it was sealed with: what is drawn does not depend on it."""
    sealed = RING.seal(b"some value", "p")
    at = place % len(sealed)
    others = [c for c in "Ab0-_.=" if c != sealed[at]]
    touched = sealed[:at] + others[first % len(others)] + sealed[at + 1 :]
    with pytest.raises(CannotOpen):
        RING.open(touched, "p")


def test_without_its_key_it_says_which_one_is_missing() -> None:
    sealed = RING.seal(b"x", "p")
    with pytest.raises(CannotOpen, match=r"'2026-02'.*sealing\.keys"):
        KeyRing(read_keys(OLD)).open(sealed, "p")
    other = KeyRing(read_keys("2026-02:" + b64encode(b"?" * 32).decode()))
    with pytest.raises(CannotOpen, match="the one of this database"):
        other.open(sealed, "p")


@pytest.mark.parametrize("text", ["", "x", "1.", "1.2026-02", "2.2026-02.AAAA", "1.2026-02.@@@"])
def test_what_is_no_sealed_value_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen):
        RING.open(text, "p")


def test_digests_are_the_same_for_the_same_key_alone() -> None:
    newest, oldest = RING.digests(b"x")
    assert (newest, oldest) == RING.digests(b"x")
    assert KeyRing(read_keys(OLD)).digests(b"x") == (oldest,)
    assert newest != RING.digests(b"y")[0]
    assert newest.startswith("2026-02.")


def test_keys_are_read_as_they_are_written() -> None:
    text = f"# the keys of a site\n{OLD}  # retired in March\n\n{new_key('third')}\n"
    assert list(read_keys(text)) == ["2026-01", "2026-02", "third"][::2]
    assert len(read_keys(new_key("a"))["a"]) == 32
    assert new_key("a") != new_key("a")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "there is no key"),
        ("# none", "there is no key"),
        (f"{OLD} {OLD}", "the key 2026-01 is there twice"),
        (f"{OLD} a_b:x", "the name of key 2"),
        (":x", "the name of key 1"),
        ("a:hidden", "the key a is not 32 bytes"),
        ("hidden", "the key hidden is not 32 bytes"),
        ("a:" + b64encode(b"x" * 31).decode(), "the key a is not 32 bytes"),
    ],
)
def test_keys_that_are_none_are_named(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_keys(text)
