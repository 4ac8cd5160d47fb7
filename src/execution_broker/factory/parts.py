"""Plugins as they are configured, and where things are kept: what more than one wiring needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from execution_broker.config import Settings
from execution_broker.domain.errors import ConfigurationError
from execution_broker.notices.email import Email, Server
from execution_broker.notices.ways import EMAIL, WEBHOOK, Way
from execution_broker.notices.webhook import Webhook
from execution_broker.ports import registry
from execution_broker.ports.data import DataKind, Transfer
from execution_broker.ports.platform import Platform, PlatformContext


def make_plugins(settings: Settings) -> tuple[dict[str, DataKind], dict[str, Transfer]]:
    """The kinds of data by their URI, and the transfers by URL scheme: those that serve any."""
    return (
        _serving(settings, "data_kinds", settings.data_kinds),
        _serving(settings, "transfers", settings.transfers),
    )


def make_ways(settings: Settings) -> dict[str, Way]:
    """The ways in which owners can be told, by their names. Nothing is opened."""
    notices, smtp = settings.notices, settings.smtp
    server = None
    if smtp.host is not None:
        server = Server(
            smtp.host,
            smtp.port,
            smtp.security,
            smtp.username,
            smtp.password,
            smtp.sender,
            notices.timeout,
        )
    return {
        WEBHOOK: Webhook(notices.allow, notices.timeout, plain_http=notices.plain_http),
        EMAIL: Email(server, smtp.recipients),
    }


async def close_transfers(transfers: Mapping[str, Transfer]) -> None:
    """Close each once, however many schemes it reads."""
    for transfer in {id(one): one for one in transfers.values()}.values():
        await transfer.close()


def make_platform(
    settings: Settings,
    name: str,
    instance: UUID,
    directory: Path,
    *,
    data_kinds: Mapping[str, DataKind],
    transfers: Mapping[str, Transfer],
) -> Platform:
    """A configured platform. `directory` is its own, and is there."""
    entry, config = settings.platforms[name]
    context = PlatformContext(
        instance=instance,
        directory=directory,
        results=results_of(settings),
        transfers=transfers,
        data_kinds=data_kinds,
    )
    platform: Platform = registry.plugin("platforms", entry)(name, config, context)
    return platform


def _serving(
    settings: Settings, group: registry.Group, configs: Mapping[str, Any]
) -> dict[str, Any]:
    serving = settings.serving[group]
    made = {name: registry.plugin(group, name)(configs[name]) for name in set(serving.values())}
    return {what: made[name] for what, name in serving.items()}


def directory_of(settings: Settings, platform: str) -> Path:
    return settings.data_directory / "platforms" / platform


def results_of(settings: Settings) -> Path:
    return settings.data_directory / "results"


def make_directory(path: Path) -> None:
    """Make it for this user alone. Repeatable; ConfigurationError when it cannot be made."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"data_directory: {path} cannot be made: {error.strerror}.",
            "Name a directory that you may write to.",
        ) from None
