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
