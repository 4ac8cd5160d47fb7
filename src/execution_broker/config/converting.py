"""From plain values to the structs that say what they may be."""

from typing import Any, get_args

import msgspec

from execution_broker.domain.errors import ConfigurationError


def convert(values: object, type_: Any, place: str) -> Any:
    """ConfigurationError names the key, and the ones there are. `place`: where the values are."""
    try:
        return msgspec.convert(values, type=type_, strict=False)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        key = (place + path.rstrip("`")).strip(".")
        if text.startswith("Object contains unknown field"):
            unknown = text.split("`")[1]
            raise ConfigurationError(
                f"{key}.{unknown}".strip(".") + " is not a key of the configuration.",
                f"Known here are: {', '.join(_known_keys(type_, path))}.",
            ) from None
        raise ConfigurationError(f"{key or 'configuration'}: {text}.", "Correct it.") from None


def _known_keys(type_: Any, path: str) -> list[str]:
    for part in path.rstrip("`").strip(".").split("."):
        name, _, item = part.partition("[")
        fields = {f.name: f.type for f in msgspec.structs.fields(type_)}
        if name not in fields:
            break
        type_ = get_args(fields[name])[-1] if item else fields[name]
    return sorted(f.name for f in msgspec.structs.fields(type_))
