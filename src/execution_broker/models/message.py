"""Messages and options: what the broker tells its reader about a component."""

from datetime import datetime
from typing import Literal

from execution_broker.models import kinds
from execution_broker.models.base import Integer, Wire

Level = Literal["DEBUG", "INFO", "WARN", "ERROR", "OTHER"]


class Message(Wire, frozen=True):
    """One message about a component, after messagetemplates.org.

    `message` is `template` with `values` filled in. Ours are made by `domain.messages` alone and
    have a kind and a level; those of others need not have either.
    """

    kind: str = ""
    level: Level = "OTHER"
    time: datetime | None = None
    template: str | None = None
    values: dict[str, str] = {}
    message: str | None = None


class StringOption(Wire, frozen=True, tag_field="kind", tag=kinds.STRING_OPTION):
    """The text at `path` may be set, to anything that matches `pattern`."""

    path: str
    pattern: str | None = None


class EnumOption(Wire, frozen=True, tag_field="kind", tag=kinds.ENUM_OPTION):
    """The value at `path` may be set to one of `values`."""

    path: str
    values: tuple[str, ...]


class IntegerOption(Wire, frozen=True, tag_field="kind", tag=kinds.INTEGER_OPTION):
    """The integer at `path` may be set, within `min` and `max` of `units`."""

    path: str
    min: Integer | None = None
    max: Integer | None = None
    units: str | None = None


class DeltaOption(Wire, frozen=True, tag_field="kind", tag=kinds.DELTA_OPTION):
    """The integer at `path` may be changed by an amount between `min` and `max` of `units`."""

    path: str
    min: Integer | None = None
    max: Integer | None = None
    units: str | None = None


Option = StringOption | EnumOption | IntegerOption | DeltaOption
