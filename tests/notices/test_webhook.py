"""Webhooks: what is refused, and to where a connection is made."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from execution_broker.notices.ways import Notice, NotSent, Target
from execution_broker.notices.webhook import Webhook, signed
from tests.harness.receiver import receiver

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOTICE = Notice("one", "session.ready", NOW, "fit: ready", "It is ready.", {"session": "s"})


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("http://hooks.example.org/", "it is not https"),
        ("ftp://hooks.example.org/", "it is no URL of a host"),
        ("https://user:secret@hooks.example.org/", "without a user"),
        ("https:///hook", "it is no URL of a host"),
        ("hook", "it is no URL of a host"),
        ("https://[::1", "it is no URL of a host"),
        ("https://hooks example.org/", "it is no URL of a host"),
        ("https://hooks_\u00e9.example.org/\u2028x", "it is no URL of a host"),
        (f"https://hooks.example.org/{'x' * 3000}", "it is no URL of a host"),
        ("https://127.0.0.1/", "127.0.0.1 is not public"),
        ("https://169.254.169.254/latest", "169.254.169.254 is not public"),
        ("https://[::ffff:10.0.0.1]/", "is not public"),
        ("https://[64:ff9b::7f00:1]/", "is not public"),
    ],
)
def test_addresses_that_nobody_is_told_at(address: str, fault: str) -> None:
    found = Webhook((), 1, plain_http=False).fault(Target(address, SECRET))
    assert found is not None
    assert found.place == "$.address"
    assert fault in found.fault
    assert "secret" not in found.fault


@pytest.mark.parametrize("secret", ["", "short", "whsec_", "whsec_eA==", "whsec_%%%", SECRET[6:]])
def test_secrets_that_prove_nothing(secret: str) -> None:
    found = Webhook((), 1, plain_http=False).fault(Target("https://hooks.example.org", secret))
    assert found is not None
    assert found.place == "$.secret"


def test_the_signature_is_that_of_the_published_example() -> None:
    """The one in the tests of the libraries of standardwebhooks.com."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_connection_is_made_to_the_address_that_was_checked() -> None:
    """A name server that answers otherwise the next time leads nowhere else."""
    answers = [["10.0.0.1"], ["127.0.0.1"]]

    async def resolve(host: str, _port: int) -> Sequence[str]:
        assert host == "hooks.example.org"
        return answers.pop(0)

    async with receiver() as hook:
        port = hook.url.rpartition(":")[2]
        target = Target(f"http://hooks.example.org:{port}/hook", SECRET)
        way = Webhook(("127.0.0.1",), 5, plain_http=True, resolve=resolve)
        with pytest.raises(NotSent, match=r"10\.0\.0\.1 is not public"):
            await way.send(target, NOTICE, NOW)
        assert hook.received == []
        await way.send(target, NOTICE, NOW)
        await way.close()
        (told,) = hook.received
        assert told.headers["host"] == f"hooks.example.org:{port}"
        assert told.is_signed(SECRET)


async def test_redirections_are_not_followed() -> None:
    async with receiver(307) as hook:
        way = Webhook(("127.0.0.1",), 5, plain_http=True)
        with pytest.raises(NotSent, match="it answered 307"):
            await way.send(Target(f"{hook.url}/hook", SECRET), NOTICE, NOW)
        await way.close()
        assert [told.path for told in hook.received] == ["/hook"]


async def test_who_does_not_answer_is_not_waited_for() -> None:
    async with receiver() as hook:
        hook.holding = True
        way = Webhook(("127.0.0.1",), 0.2, plain_http=True)
        with pytest.raises(NotSent, match=r"no answer within 0\.2 s"):
            await way.send(Target(hook.url, SECRET), NOTICE, NOW)
        await way.close()
