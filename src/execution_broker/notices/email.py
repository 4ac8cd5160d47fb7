"""Mail by SMTP, through the server that a site has for it."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, NamedTuple

from execution_broker.domain.patterns import matches_any_case
from execution_broker.models.extensions import Fault
from execution_broker.notices.ways import Notice, NotSent, Target, of_address, of_secret, of_way

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}")
_PERMANENT: Final = 500
_ABREAST: Final = 4


class Server(NamedTuple):
    """A mail server. `security`: `starttls`, `tls` or `none`. `timeout` in seconds."""

    host: str
    port: int
    security: str
    username: str | None
    password: str | None
    sender: str
    timeout: float


class Email:
    """Sends to the addresses that a site allows, by its server; without one to none.

    A server that is slow holds only threads that nothing else needs."""

    def __init__(self, server: Server | None, recipients: Sequence[str]) -> None:
        """`recipients`: patterns of addresses."""
        self._server = server
        self._recipients = recipients
        self._threads = ThreadPoolExecutor(_ABREAST, thread_name_prefix="mail")

    def fault(self, target: Target) -> Fault | None:
        if self._server is None:
            return of_way("this broker sends no mail; its operator can name a server in smtp.host")
        if not _ADDRESS.fullmatch(target.address):
            return of_address("it is no mail address")
        if target.secret is not None:
            return of_secret("mail is not signed: leave it out")
        if not matches_any_case(self._recipients, target.address):
            return of_address("it is none that the operator allows in smtp.recipients")
        return None

    async def send(self, target: Target, notice: Notice, now: datetime) -> None:
        fault = self.fault(target)
        if self._server is None or fault is not None:
            raise NotSent(fault.fault if fault else "there is no server", is_final=True)
        message = _message(self._server.sender, target.address, notice, now)
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._threads, _deliver, self._server, message
            )
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"the mail server answered {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused as error:
            ((status, _),) = error.recipients.values()
            raise NotSent(
                f"the mail server refused the address ({status})", is_final=status >= _PERMANENT
            ) from None
        except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
            raise NotSent(f"the mail server failed ({type(error).__name__})") from None

    async def close(self) -> None:
        """Waits for no server: what is being sent is sent again, as nobody knows of it."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _deliver(server: Server, message: EmailMessage) -> None:
    trust = ssl.create_default_context()
    connect: smtplib.SMTP
    if server.security == "tls":
        connect = smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout, context=trust)
    else:
        connect = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
    with connect as connection:
        if server.security == "starttls":
            connection.starttls(context=trust)
        if server.username is not None:
            connection.login(server.username, server.password or "")
        connection.send_message(message)


def _message(sender: str, recipient: str, notice: Notice, now: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = "".join(c if c.isprintable() else " " for c in notice.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text)
    return message
