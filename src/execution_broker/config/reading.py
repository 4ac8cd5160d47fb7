"""Where the values come from: a TOML file, the environment, files with secrets."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from execution_broker.config.converting import Collector
from execution_broker.domain.errors import ConfigurationError

_PREFIX: Final = "BROKER__"
_PUBLIC: Final = frozenset({"ca", "by_hour"})
"""Certificates of authorities, and factors of prices."""


def read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The configuration {file} cannot be read: {error.strerror}.",
            "Give the path of a TOML file that you may read.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The configuration {file} is not TOML: {error}.", "Correct that place."
        ) from None


def overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, text in sorted(environment.items()):
        if not name.startswith(_PREFIX):
            continue
        *sections, key = (part.lower() for part in name.removeprefix(_PREFIX).split("__"))
        target = values
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise ConfigurationError(
                    f"{name} goes below {section}, which is no section.", "Remove one of the two."
                )
        target[key] = _environment_value(text)


def _environment_value(text: str) -> Any:
    """TOML where it is TOML (numbers, lists, quoted text), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def read_secrets(values: dict[str, Any], place: str, faults: Collector) -> list[Path]:
    """Put what is in the files that `..._file` names in the place of their names. The files whose
    content is secret, as all is but what is named otherwise."""
    found: list[Path] = []
    for key, value in list(values.items()):
        if isinstance(value, dict):
            found += read_secrets(value, f"{place}{key}.", faults)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    found += read_secrets(item, f"{place}{key}[{index}].", faults)
        elif key.endswith("_file") and isinstance(value, str):
            del values[key]
            text = faults.of(_secret, Path(value), f"{place}{key}")
            name = key.removesuffix("_file")
            if text is not None:
                values[name] = text
            if name not in _PUBLIC:
                found.append(Path(value))
    return found


def _secret(file: Path, place: str) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"{place}: {file} cannot be read: {error.strerror}.",
            "Give the path of a file that the broker may read.",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{place}: {file} is no text in UTF-8.", "Name the file that has the value."
        ) from None


def default_directory(environment: Mapping[str, str]) -> str:
    home = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return f"{home}/execution-broker"
