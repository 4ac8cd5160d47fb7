"""What errors say, and who callers are."""

from uuid import UUID

from execution_broker.domain.errors import (
    AlreadyExists,
    ConfigurationError,
    Forbidden,
    InvalidBody,
    Permanent,
    TooMany,
    Unavailable,
)
from execution_broker.domain.identity import Caller, Role
from execution_broker.domain.messages import PROGRESS
from execution_broker.models.extensions import Account, Fault
from execution_broker.models.message import Message


def test_an_error_is_a_sentence_and_its_remedy() -> None:
    error = ConfigurationError("http.listen is not host:port.", "Write host:port.")
    assert str(error) == "http.listen is not host:port. Write host:port."
    assert str(Forbidden("Not yours.")) == "Not yours."


def test_an_invalid_body_names_every_place() -> None:
    error = InvalidBody((Fault("$.a", "is text"), Fault("$.b", "is missing")))
    assert "$.a, $.b" in str(error)
    assert len(error.faults) == 2


def test_who_must_wait_is_told_how_long() -> None:
    assert TooMany("Too many requests.", "Wait.", 7).retry_after == 7
    assert Unavailable("The database is busy.").retry_after == 5
    assert "Try again" in str(Unavailable("The database is busy."))


def test_a_name_that_is_taken_says_by_whom() -> None:
    taken = Account("0f8fad5b-d9cb-469f-a165-70867728950e", "ann")
    assert AlreadyExists("ann is taken.", account=taken).account == taken


def test_an_outside_error_carries_what_its_owner_is_told() -> None:
    message = PROGRESS(done=1, total=2, units="files")
    assert Permanent(message).message is message
    assert str(Permanent(message)) == "1 of 2 files."
    assert str(Permanent(Message(kind="urn:x", level="ERROR"))) == "urn:x"


def test_only_an_administrator_is_one() -> None:
    assert Caller(1, UUID(int=1), "a", Role.ADMINISTRATOR).is_administrator
    assert not Caller(2, UUID(int=2), "b", Role.USER).is_administrator
