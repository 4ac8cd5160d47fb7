"""Who asks, and the password: given, in a file, of this machine's own server, or asked for."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import typer

ADMINISTRATOR: Final = "admin"


def found_credentials(
    url: str,
    user: str | None,
    password_file: Path | None,
    password: str | None,
    data_directory: Path | None,
    data_home: Path | None,
) -> tuple[str | None, str | None]:
    """Who asks, and the password where it is known without asking anybody."""
    if password_file:
        return _named(user, password_file), read_password(password_file)
    if password is None and user in (None, ADMINISTRATOR):
        password = _local_administrator(url, data_directory, data_home)
        user = ADMINISTRATOR if password else user
    return user, password


def read_password(file: Path) -> str:
    """The password in a file, without the end of its line."""
    from execution_broker.cli.requests import BadRequest

    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadRequest(
            f"The password file {file} cannot be read: {reason}.", "Give one that you may read."
        ) from None


def ask_password(what: str) -> str:
    """A password from the terminal, without echo."""
    return _prompt(what, confirmation_prompt=False)


def ask_new_password(what: str) -> str:
    """The same, asked for twice."""
    return _prompt(what, confirmation_prompt=True)


def _prompt(what: str, *, confirmation_prompt: bool) -> str:
    from execution_broker.cli.requests import BadRequest

    if not sys.stdin.isatty():
        raise BadRequest(
            f"The {what} is not given, and there is no terminal to ask for it.",
            "Give --password-file, or set BROKER_PASSWORD.",
        )
    answer: str = typer.prompt(
        what, hide_input=True, confirmation_prompt=confirmation_prompt, err=True
    )
    return answer


def _named(user: str | None, password_file: Path) -> str:
    from execution_broker.cli.requests import BadRequest

    if user is None:
        raise BadRequest(f"Nobody is named whose password {password_file} has.", "Give --user.")
    return user


def _local_administrator(
    url: str, data_directory: Path | None, data_home: Path | None
) -> str | None:
    """The administrator's password of a server on this machine, if we may read it."""
    if not _is_loopback(url):
        return None
    home = data_home or Path.home() / ".local" / "share"
    file = (data_directory or home / "execution-broker") / "admin-password"
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
