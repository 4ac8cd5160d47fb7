"""Updates: what a client may ask to change."""

from execution_broker.models import kinds
from execution_broker.models.base import Integer, Wire


class StringUpdate(Wire, frozen=True, tag_field="kind", tag=kinds.STRING_UPDATE):
    path: str
    value: str


class EnumUpdate(Wire, frozen=True, tag_field="kind", tag=kinds.ENUM_UPDATE):
    path: str
    value: str


class IntegerUpdate(Wire, frozen=True, tag_field="kind", tag=kinds.INTEGER_UPDATE):
    path: str
    value: Integer
    units: str | None = None


class DeltaUpdate(Wire, frozen=True, tag_field="kind", tag=kinds.DELTA_UPDATE):
    path: str
    delta: Integer
    units: str | None = None


Update = StringUpdate | EnumUpdate | IntegerUpdate | DeltaUpdate
