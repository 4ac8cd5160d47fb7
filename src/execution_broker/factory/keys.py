"""The keys that secrets are sealed with: given, or made beside the embedded database."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from execution_broker.config import Settings
from execution_broker.domain.errors import ConfigurationError
from execution_broker.sealing import KeyRing, new_key, read_keys
from execution_broker.storage import identities, opening
from execution_broker.storage import secrets as secrets_of_database
from execution_broker.storage.database import Connection, Database

FILE: Final = "sealing-keys"
_MARK: Final = "sealing-key:"
"""Begins the name of a setting with a digest that only one key makes: so another one is told
apart."""
_DIGESTED: Final = b"the key of this name"


def keys_file(settings: Settings) -> Path | None:
    """The file that keys are read from where none are given; None where they have to be given."""
    database = opening.file_of(settings.database.url, settings.data_directory)
    return None if database is None else database.with_name(FILE)


async def open_ring(database: Database, settings: Settings) -> KeyRing:
    """The keys, proved to be those of this database; the first ones are made where they may be.

    ConfigurationError where one is missing, or is another one, and nothing is changed then.
    """
    known = await database.read(known_keys)
    file = keys_file(settings)
    if file is not None and not known and settings.sealing.keys is None and not file.exists():
        _make(file)
    given = given_keys(settings)
    check(given, known, settings)
    ring = KeyRing(given)

    async def work(connection: Connection) -> None:
        digest = ring.digests(_DIGESTED)[0]
        await identities.setting(connection, f"{_MARK}{ring.newest}", digest)

    if ring.newest not in known:
        await database.write(work)
        check(given, await database.read(known_keys), settings)
    return ring


async def known_keys(connection: Connection) -> dict[str, str]:
    """The names of the keys that something may be sealed with, each with its digest."""
    found = await identities.settings_like(connection, _MARK)
    return {name.removeprefix(_MARK): digest for name, digest in found.items()}


def given_keys(settings: Settings) -> dict[str, bytes]:
    """The keys that are given; none where they may be made, and are not yet."""
    if settings.sealing.keys is not None:
        return read_keys(settings.sealing.keys)
    file = keys_file(settings)
    if file is None:
        raise ConfigurationError(
            "sealing.keys: no key is given, and the processes of a PostgreSQL database need the"
            " same one.",
            'Make one, `echo "$(date -I):$(openssl rand -base64 32)" > FILE`, let only the broker'
            " read it, name it in sealing.keys_file of every server and worker, and keep a copy"
            " with the backups of the database.",
        )
    try:
        return read_keys(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror
    except ValueError as error:
        reason = str(error)
    raise ConfigurationError(
        f"sealing.keys: {file} cannot be used: {reason}.",
        "Put the file back from its backup, readable by the broker alone.",
    )


def check(given: Mapping[str, bytes], known: Mapping[str, str], settings: Settings) -> None:
    """ConfigurationError where a key that something is sealed with is missing or another one."""
    for name, digest in known.items():
        if name not in given:
            raise ConfigurationError(
                f"sealing.keys: the key {name} is missing, and this database is sealed with it.",
                f"{_back(settings)} Nothing was changed. If it is lost for good:"
                f" `broker admin keys forget {name}` gives up what is sealed with it.",
            )
        if KeyRing({name: given[name]}).digests(_DIGESTED) != (digest,):
            raise ConfigurationError(
                f"sealing.keys: the key {name} that is given is not the one which this database"
                " is sealed with.",
                f"{_back(settings)} Nothing was changed.",
            )


def _back(settings: Settings) -> str:
    where = keys_file(settings) if settings.sealing.keys is None else None
    return f"Put it back {'into sealing.keys' if where is None else f'into {where}'} from a backup."


def _make(file: Path) -> None:
    """The first key, whole before it has its name: another process may be at it, too."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    key = new_key(datetime.now(UTC).date().isoformat())
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(f"{key}\n")
            opened.flush()
            os.fsync(opened.fileno())
        with suppress(FileExistsError):
            os.link(part, file)
    except OSError as error:
        raise ConfigurationError(
            f"sealing.keys: {file} cannot be made: {error.strerror}.",
            "Let the broker write there, or give sealing.keys_file.",
        ) from None
    finally:
        part.unlink(missing_ok=True)


async def forget(connection: Connection, name: str) -> int | None:
    """Give up what is sealed with a key that is lost; how many values those were. None where
    nothing knows this key."""
    if name not in await known_keys(connection):
        return None
    await identities.remove_setting(connection, f"{_MARK}{name}")
    return await secrets_of_database.forget_sealed(connection, name)
