"""What has the form of a secret is hidden, and nothing else is."""

import logging
import sys

import pytest

from execution_broker.cli.logs import formatter
from execution_broker.cli.redacting import HIDDEN, Redaction
from execution_broker.config import Log

REDACTION = Redaction()
KEPT = "4f1c5a9e"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic YWRhOmxvdmVsYWNl",
        "sent bearer abc.def-ghi_jkl",
        "GET https://ada:lovelace@example.org/x failed",
        "GET https://lovelace@example.org/x failed",
        "https://example.org/x?a=1&access_token=lovelace&b=2",
        "https://example.org/x?X-Amz-Signature=lovelace",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.lovelace",
        "{'password': 'lovelace', 'n': 1}",
        'client_secret="lovelace"',
        "postgresql://broker:lovelace@db/broker",
        "the first line\nhttps://example.org/x?sig=lovelace",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    shown = REDACTION.text(f"{KEPT} {text} {KEPT}")
    assert HIDDEN in shown
    assert shown.startswith(KEPT)
    assert shown.endswith(KEPT)
    for hidden in ("lovelace", "YWRhOmxvdmVsYWNl", "abc.def", "eyJ"):
        assert hidden not in shown


@pytest.mark.parametrize(
    "text",
    [
        "step-failed session=4f1c5a9e-8d0b-4b5e-9a55-0c8f5b7f2d11 attempt=3",
        "https://example.org/a/b?name=x&size=3",
        "the basic rule of a bearer",
        "ada@example.org wrote a monkey.txt",
        "The user name or the password is wrong. Check both and sign in again.",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert REDACTION.text(text) == text


def test_values_are_hidden_by_their_keys_wherever_they_are() -> None:
    line = REDACTION(
        None,
        "info",
        {
            "event": "x",
            "Authorization": "lovelace",
            "deep": {"api_token": "lovelace", "kept": [b"bearer lovelace-lovelace", 7, None]},
            "error": ValueError("no https://a:lovelace@h/"),
            "has_password": True,
        },
    )
    assert "lovelace" not in str(line)
    assert line["event"] == "x"
    assert line["deep"]["kept"][1:] == [7, None]
    assert line["has_password"] is True


@pytest.mark.parametrize("form", ["text", "json"])
def test_tracebacks_of_libraries_are_redacted_too(form: str) -> None:
    place = "https://ada:love" + "lace@example.org/"  # a traceback shows lines of the source
    try:
        int(place)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "it failed", (), sys.exc_info())
    shown = formatter(Log(format=form), REDACTION).format(record)
    assert "ValueError" in shown
    assert "lovelace" not in shown


def test_what_a_site_says_is_secret_is_hidden() -> None:
    text = "https://example.org/x?code=lovelace"
    assert REDACTION.text(text) == text
    assert "lovelace" not in Redaction(["code"]).text(text)
