"""Everything an operator may set: one TOML file and the environment, unknown keys refused.

`BROKER__SECTION__KEY` in the environment goes over the file. A value whose key ends in `_file`
is read from that file, so that secrets need not stand here. Only this module reads the
environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from execution_broker.config.checking import (
    check_http,
    check_kinds,
    check_notices,
    check_sealing,
    check_worker,
)
from execution_broker.config.converting import Collector, convert
from execution_broker.config.plugins import platform, plugin_sections, serving, site
from execution_broker.config.reading import default_directory, overlay, read_file, read_secrets
from execution_broker.config.sections import (
    File,
    Http,
    Identity,
    Issuer,
    Log,
    Negotiation,
    Notices,
    Sealing,
    Smtp,
    Traces,
    Uploads,
    Worker,
)
from execution_broker.config.settings import Settings
from execution_broker.domain.errors import ConfigurationError

__all__ = [
    "File",
    "Http",
    "Identity",
    "Issuer",
    "Log",
    "Negotiation",
    "Notices",
    "Sealing",
    "Settings",
    "Smtp",
    "Traces",
    "Uploads",
    "Worker",
    "check_kinds",
    "load",
    "load_values",
]


def load(file: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file (or none) and the environment.

    ConfigurationError names the key and the remedy, whatever is wrong.
    """
    environment = os.environ if environment is None else environment
    values = read_file(file) if file else {}
    overlay(values, environment)
    values.setdefault("data_directory", default_directory(environment))
    return load_values(values)


def load_values(values: dict[str, Any]) -> Settings:
    """The settings of plain values, as a file would have them. `data_directory` is needed."""
    faults = Collector()
    secret_files = read_secrets(values, "", faults)
    whole: File | None = faults.of(convert, values, File, "")
    parsed = whole or _what_can_be_read(values)
    faults.of(check_http, parsed.http)
    faults.of(check_worker, parsed.worker)
    faults.of(check_notices, parsed.notices)
    faults.of(check_sealing, parsed.sealing)
    for name, part in parsed.platforms.items():
        faults.of(platform, name, part)
        faults.of(site, name, part)
    faults.of(plugin_sections, "data_kinds", parsed.data_kinds)
    faults.of(plugin_sections, "transfers", parsed.transfers)
    faults.of(serving, parsed.plugins.serves)
    faults.settle()
    return Settings(
        data_directory=Path(parsed.data_directory).absolute(),
        secret_files=tuple(secret_files),
        http=parsed.http,
        identity=parsed.identity,
        database=parsed.database,
        negotiation=parsed.negotiation,
        worker=parsed.worker,
        upkeep=parsed.upkeep,
        metrics=parsed.metrics,
        traces=parsed.traces,
        cache=parsed.cache,
        staging=parsed.staging,
        uploads=parsed.uploads,
        notices=parsed.notices,
        smtp=parsed.smtp,
        sealing=parsed.sealing,
        log=parsed.log,
        platforms={name: platform(name, part) for name, part in parsed.platforms.items()},
        sites={name: site(name, part) for name, part in parsed.platforms.items()},
        data_kinds=plugin_sections("data_kinds", parsed.data_kinds),
        transfers=plugin_sections("transfers", parsed.transfers),
        serving=serving(parsed.plugins.serves),
    )


def _what_can_be_read(values: Mapping[str, Any]) -> File:
    """The sections that are right, and of the others their defaults: there are faults to be told,
    and these sections may have more."""
    right: dict[str, Any] = {"data_directory": "."}
    for name in File.__struct_fields__:
        if name in values:
            try:
                right |= {name: getattr(convert({**right, name: values[name]}, File, ""), name)}
            except ConfigurationError:
                continue
    return File(**right)
