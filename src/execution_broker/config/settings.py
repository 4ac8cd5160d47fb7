"""The whole configuration, checked."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from execution_broker.config.sections import (
    Cache,
    Database,
    Http,
    Identity,
    Log,
    Metrics,
    Negotiation,
    Notices,
    Sealing,
    Smtp,
    Staging,
    Traces,
    Upkeep,
    Uploads,
    Worker,
)
from execution_broker.domain.capability import SiteRules
from execution_broker.ports import registry


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration, checked. Plugin sections are converted to the plugin's struct:
    `platforms` by the operator's name, as (entry point, config); the others by entry point.
    `secret_files`: those that keys ending in `_file` named, where what they hold is secret.
    `sites`: by the platform's name, what every platform can be told. `serving`: which plugin serves
    a URL scheme or a kind of data, by group and by what it serves."""

    data_directory: Path
    secret_files: tuple[Path, ...]
    http: Http
    identity: Identity
    database: Database
    negotiation: Negotiation
    worker: Worker
    upkeep: Upkeep
    metrics: Metrics
    traces: Traces
    cache: Cache
    staging: Staging
    uploads: Uploads
    notices: Notices
    smtp: Smtp
    sealing: Sealing
    log: Log
    platforms: dict[str, tuple[str, Any]]
    sites: dict[str, SiteRules]
    data_kinds: dict[str, Any]
    transfers: dict[str, Any]
    serving: dict[registry.Group, dict[str, str]]

    @property
    def retention(self) -> timedelta:
        return timedelta(seconds=self.upkeep.retention)
