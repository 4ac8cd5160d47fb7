"""From plain values to the structs that say what they may be; all faults are told at once."""

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, get_args

import msgspec

from execution_broker.domain.errors import ConfigurationError, ConfigurationFaults
from execution_broker.models.faults import SURPLUS, faults

P = ParamSpec("P")
T = TypeVar("T")


class Collector:
    """Runs what may find faults, and keeps them until everything has been looked at."""

    def __init__(self) -> None:
        self._found: list[ConfigurationError] = []

    def of(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What the work returns; None if it finds a fault."""
        try:
            return work(*args, **kwargs)
        except ConfigurationFaults as several:
            self._found += several.faults
        except ConfigurationError as error:
            self._found.append(error)
        return None

    def settle(self) -> None:
        """Raise what was found: the error itself, or all of them in one."""
        raise_all(self._found)


def raise_all(found: Iterable[ConfigurationError]) -> None:
    """Nothing if there is none; each sentence once."""
    every = list({error.sentence: error for error in found}.values())
    if len(every) == 1:
        raise every[0]
    if every:
        raise ConfigurationFaults(every)


def convert(values: object, type_: Any, place: str) -> Any:
    """ConfigurationError names the key, and the ones there are; ConfigurationFaults all of several.
    `place`: where the values are."""
    try:
        return msgspec.convert(values, type=type_, strict=False)
    except msgspec.ValidationError as error:
        found = faults(values, type_, "", strict=False)
        raise_all(_error(place, fault.place, fault.fault, type_) for fault in found)
        raise ConfigurationError(f"{place or 'configuration'}: {error}.", "Correct it.") from None


def _error(place: str, path: str, fault: str, type_: Any) -> ConfigurationError:
    key = f"{place}.{path.strip('.')}".strip(".")
    if fault == SURPLUS:
        known = ", ".join(_known_keys(type_, path.rpartition(".")[0]))
        sentence = f"{key} is not a key of the configuration."
        return ConfigurationError(sentence, f"Known here are: {known}.")
    return ConfigurationError(f"{key or 'configuration'}: {fault}.", "Correct it.")


def _known_keys(type_: Any, path: str) -> list[str]:
    for part in path.strip(".").split("."):
        name, _, item = part.partition("[")
        if not isinstance(type_, type) or not issubclass(type_, msgspec.Struct):
            type_ = get_args(type_)[-1]
            continue
        fields = {f.name: f.type for f in msgspec.structs.fields(type_)}
        if name not in fields:
            break
        type_ = get_args(fields[name])[-1] if item else fields[name]
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        type_ = get_args(type_)[-1]
    return sorted(f.name for f in msgspec.structs.fields(type_))
