"""Mail: to whom it goes, and what a real server gets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from execution_broker.notices.email import Email, Server
from execution_broker.notices.ways import Notice, NotSent, Target
from tests.harness.mailbox import PASSWORD, USER, Mailbox, mail_server
from tests.harness.waiting import until

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SUBJECT = "fit\r\nBcc: eve@example.org\tä: ready"
NOTICE = Notice("one", "session.ready", NOW, SUBJECT, "It is ready.\n", {})


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as made:
        yield made


@pytest.fixture
def server(mailbox: Mailbox) -> Server:
    return Server("127.0.0.1", mailbox.port, "none", USER, PASSWORD, "broker@example.org", 5)


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (Target("ada@elsewhere.org"), "$.address"),
        (Target("ada@example.org@elsewhere.org"), "$.address"),
        (Target("ada@example.org\nBcc: eve@example.org"), "$.address"),
        (Target("ada"), "$.address"),
        (Target("ada@example.org", "whsec_x"), "$.secret"),
    ],
)
def test_to_whom_nothing_is_sent(target: Target, place: str) -> None:
    server = Server("127.0.0.1", 1, "none", None, None, "broker@example.org", 5)
    found = Email(server, ("*@example.org",)).fault(target)
    assert found is not None
    assert found.place == place


def test_without_a_server_there_is_none() -> None:
    found = Email(None, ("*@example.org",)).fault(Target("ada@example.org"))
    assert found is not None
    assert found.place == "$.way"


async def test_a_server_gets_it(server: Server, mailbox: Mailbox) -> None:
    await Email(server, ("*@EXAMPLE.org",)).send(Target("ada@example.org"), NOTICE, NOW)
    (message,) = mailbox.messages
    assert message["To"] == "ada@example.org"
    assert message["Bcc"] is None
    assert message["Subject"] == "fit  Bcc: eve@example.org ä: ready"
    assert message["Message-ID"] == "<one@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["It is ready."]


@pytest.mark.parametrize(
    ("answer", "is_final"), [("550 There is nobody", True), ("451 Later", False)]
)
async def test_an_address_that_is_refused(
    server: Server, mailbox: Mailbox, answer: str, *, is_final: bool
) -> None:
    mailbox.answer = answer
    with pytest.raises(NotSent, match=rf"refused the address \({answer[:3]}\)") as raised:
        await Email(server, ("*@example.org",)).send(Target("ada@example.org"), NOTICE, NOW)
    assert raised.value.is_final is is_final


async def test_a_password_that_does_not_hold_is_told_to_nobody(server: Server) -> None:
    wrong = server._replace(password="wrong-one")
    with pytest.raises(NotSent) as raised:
        await Email(wrong, ("*@example.org",)).send(Target("ada@example.org"), NOTICE, NOW)
    assert "answered 535" in str(raised.value)
    assert "wrong-one" not in str(raised.value)


async def test_a_server_that_is_not_there_is_asked_again(server: Server) -> None:
    away = server._replace(port=1)
    with pytest.raises(NotSent, match="the mail server failed") as raised:
        await Email(away, ("*@example.org",)).send(Target("ada@example.org"), NOTICE, NOW)
    assert not raised.value.is_final


async def test_without_tls_nothing_is_sent_where_tls_is_asked_for(
    server: Server, mailbox: Mailbox
) -> None:
    """The password least of all."""
    secure = server._replace(security="starttls")
    with pytest.raises(NotSent):
        await Email(secure, ("*@example.org",)).send(Target("ada@example.org"), NOTICE, NOW)
    assert mailbox.messages == []


async def test_a_server_that_says_nothing_keeps_nobody_else_waiting() -> None:
    """Whoever checks a password or reads a file needs a thread, too."""
    connected = 0

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        await silence.wait()
        writer.close()

    silence = asyncio.Event()
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        way = Email(
            Server("127.0.0.1", port, "none", None, None, "b@x.org", 30), ("*@example.org",)
        )
        sending = [
            asyncio.create_task(way.send(Target("ada@example.org"), NOTICE, NOW)) for _ in range(64)
        ]

        async def are_sent() -> bool:
            return connected >= 4

        await until(are_sent)
        await asyncio.wait_for(asyncio.to_thread(int), 10)
        silence.set()
        for one in sending:
            with pytest.raises(NotSent):
                await one
    await way.close()
