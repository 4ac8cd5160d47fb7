"""How operators' commands find the configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from execution_broker.config import Settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="BROKER_CONFIG", help="Configuration in TOML."),
]


def load_settings(file: Path | None, listen: str | None = None) -> "Settings":
    """The configuration, checked; ConfigurationError names the key and the remedy."""
    import msgspec

    from execution_broker import config

    settings = config.load(file)
    if listen is None:
        return settings
    http = msgspec.structs.replace(settings.http, listen=listen)
    return msgspec.structs.replace(settings, http=http)


def narrowed(settings: "Settings", kinds: str | None, concurrency: int | None) -> "Settings":
    """For a worker that takes these kinds alone, so many steps at a time in each pool."""
    import msgspec

    from execution_broker import config

    section = settings.worker
    if kinds is not None:
        words = tuple(word.strip() for word in kinds.split(",") if word.strip())
        config.check_kinds("--kinds", words)
        section = msgspec.structs.replace(section, kinds=words)
    if concurrency is not None:
        pools = {
            name: msgspec.structs.replace(pool, concurrency=concurrency)
            for name, pool in section.pools.items()
        }
        section = msgspec.structs.replace(section, concurrency=concurrency, pools=pools)
    return msgspec.structs.replace(settings, worker=section)
