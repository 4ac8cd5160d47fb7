"""The first account."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from execution_broker.config import Settings
from execution_broker.domain.identity import Role
from execution_broker.services import Services
from execution_broker.services.identities import AccountExists

ADMINISTRATOR: Final = "admin"
PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - the name of the file


async def make_administrator(services: Services, settings: Settings) -> Path:
    """At the first start: an administrator, whose password is in a file only the owner reads.

    Returns the file. Repeatable; a password that was changed stays.
    """
    file = settings.data_directory / PASSWORD_FILE
    password = secrets.token_urlsafe(24)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        password = file.read_text("utf-8").strip()
    else:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(password + "\n")
    with suppress(AccountExists):
        await services.identities.add(ADMINISTRATOR, password, Role.ADMINISTRATOR)
    return file
