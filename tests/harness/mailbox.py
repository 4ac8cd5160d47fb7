"""A real mail server on this machine, which keeps what comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER: Final = "broker"
PASSWORD: Final = "not-guessed"


class Mailbox:
    """What came, and how it answers to who is written to."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer = "250 OK"
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the name that the library calls
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(  # noqa: N802 - as above
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        found: Any = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append(found)
        return "250 OK"


def _is_ours(*arguments: Any) -> AuthResult:
    given = arguments[-1]
    assert isinstance(given, LoginPassword)
    is_ours = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_ours, handled=False)


@asynccontextmanager
async def mail_server() -> AsyncIterator[Mailbox]:
    """One that listens while the body runs. Who sends has to sign in."""
    mailbox = Mailbox()
    made = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, authenticator=_is_ours, auth_require_tls=False), "127.0.0.1", 0
    )
    mailbox.port = made.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        made.close()
