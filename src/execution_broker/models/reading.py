"""From the plain values of a decoded body to wire structs, component by component.

So an unknown kind is an answer (a NO), and every component reports its own faults, all at once.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar, get_args

import msgspec

from execution_broker.models.base import Wire
from execution_broker.models.component import Cost, Metric
from execution_broker.models.executable import Executable
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.extensions import Fault
from execution_broker.models.faults import MOST, faults
from execution_broker.models.ignored import Ignored, find_ignored
from execution_broker.models.resources import Compute, Data, Storage, Volume
from execution_broker.models.schedule import RequestedSchedule
from execution_broker.models.secrets import DEFAULT, Hiding, Secret
from execution_broker.models.update import Update

T = TypeVar("T")


class UnknownKind(Wire, frozen=True):
    """A component whose kind nobody knows: to be answered, not refused."""

    place: str
    kind: str
    known: tuple[str, ...]


class Reading(Wire, frozen=True):
    """A request as far as it could be read. With `faults` it is broken and must be refused.
    `ignored`: what of it has no effect. `secrets`: what was taken out of it, by component key;
    nothing else here has a secret."""

    request: ExecutionRequest
    unknown: tuple[UnknownKind, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: Ignored = Ignored()
    secrets: dict[str, tuple[Secret, ...]] = {}


def read_request(body: object, hiding: Hiding = DEFAULT) -> Reading:
    """Read a whole request. Never raises: faults and unknown kinds are collected."""
    hidden = hiding.hide(body)
    body = hidden.values
    ignored = find_ignored(body)
    whole = _whole(body)
    if whole is not None:
        return Reading(request=whole, ignored=ignored, secrets=hidden.secrets)
    reader = _Reader()
    request = reader.request(body)
    return Reading(
        request=request,
        unknown=tuple(reader.unknown),
        faults=tuple(reader.faults),
        ignored=ignored,
        secrets=hidden.secrets,
    )


def read_update(body: object, hiding: Hiding = DEFAULT) -> Update | tuple[Fault, ...]:
    """Read an update, or say what is wrong with it. What is secret in it is left out."""
    reader = _Reader()
    update = reader.component(hiding.hide(body).values, "$", Update)
    for unknown in reader.unknown:
        known = ", ".join(unknown.known)
        reader.faults.append(
            Fault(place="$.kind", fault=f"Unknown update kind {unknown.kind}; known: {known}")
        )
    return tuple(reader.faults) if update is None else update


def read_struct(body: object, type_: type[T]) -> T | tuple[Fault, ...]:
    """Read an object that has no kind, or say what is wrong with it."""
    reader = _Reader()
    value = reader.convert(body, "$", type_)
    return tuple(reader.faults) if value is None else value


def _whole(body: object) -> ExecutionRequest | None:
    """The request, where nothing is wrong with it; None where that takes a closer look."""
    try:
        request = msgspec.convert(body, type=ExecutionRequest)
    except msgspec.ValidationError:
        return None
    assert isinstance(body, Mapping), "nothing else can be converted"
    parts = [part for name in _KINDRED for part in body.get(name, ())]
    if (compute := body.get("compute")) is not None:
        parts += [compute, *compute.get("volumes", ())]
    return request if all("kind" in part for part in parts) else None


_KINDRED: Final = ("storage", "costs", "metrics")
"""Lists whose items can be of one kind alone: msgspec does not demand that they say it."""


class _Reader:
    def __init__(self) -> None:
        self.unknown: list[UnknownKind] = []
        self.faults: list[Fault] = []

    def request(self, body: object) -> ExecutionRequest:
        if not isinstance(body, Mapping):
            self._fault("$", f"Expected an object, got {_name(body)}")
            return ExecutionRequest()
        values: dict[str, Any] = {}
        executable = self.one(body, "executable", "$", Executable)
        if executable is not None:
            values["executable"] = executable
        compute = self.compute(body)
        if compute is not None:
            values["compute"] = compute
        values["storage"] = self.many(body, "storage", "$", Storage)
        values["data"] = self.many(body, "data", "$", Data)
        values["costs"] = self.many(body, "costs", "$", Cost)
        values["metrics"] = self.many(body, "metrics", "$", Metric)
        if body.get("schedule") is not None:
            values["schedule"] = self.convert(body["schedule"], "$.schedule", RequestedSchedule)
        return ExecutionRequest(**values)

    def one(self, body: Mapping[str, Any], key: str, place: str, union: Any) -> Any:
        value = body.get(key)
        return None if value is None else self.component(value, f"{place}.{key}", union)

    def many(self, body: Mapping[str, Any], key: str, place: str, union: Any) -> tuple[Any, ...]:
        values = body.get(key)
        if values is None:
            return ()
        if not isinstance(values, list | tuple):
            self._fault(f"{place}.{key}", f"Expected a list, got {_name(values)}")
            return ()
        found: list[Any] = []
        for index, part in enumerate(values):
            if len(self.faults) + len(self.unknown) >= MOST:
                break
            component = self.component(part, f"{place}.{key}[{index}]", union)
            if component is not None:
                found.append(component)
        return tuple(found)

    def compute(self, body: Mapping[str, Any]) -> Compute | None:
        """Compute is read without its volumes, so that each of these reports for itself."""
        value = body.get("compute")
        if not isinstance(value, Mapping):
            return self.one(body, "compute", "$", Compute)  # type: ignore[no-any-return]
        volumes = self.many(value, "volumes", "$.compute", Volume)
        bare = {key: part for key, part in value.items() if key != "volumes"}
        compute = self.component(bare, "$.compute", Compute)
        return None if compute is None else msgspec.structs.replace(compute, volumes=volumes)

    def component(self, value: object, place: str, union: Any) -> Any:
        if not isinstance(value, Mapping):
            return self._fault(place, f"Expected an object, got {_name(value)}")
        kind = value.get("kind")
        if kind is None:
            return self._fault(f"{place}.kind", "Object missing required field `kind`")
        if not isinstance(kind, str):
            return self._fault(f"{place}.kind", f"Expected text, got {_name(kind)}")
        known = _kinds(union)
        if kind not in known:
            self.unknown.append(UnknownKind(place=place, kind=kind, known=tuple(known)))
            return None
        return self.convert(value, place, known[kind])

    def convert(self, value: object, place: str, type_: type[T]) -> T | None:
        try:
            return msgspec.convert(value, type=type_)
        except msgspec.ValidationError:
            self.faults.extend(faults(value, type_, place))
            return None

    def _fault(self, place: str, fault: str) -> None:
        self.faults.append(Fault(place=place, fault=fault))


@cache
def _kinds(union: Any) -> dict[str, type[msgspec.Struct]]:
    members = get_args(union) or (union,)
    return {str(member.__struct_config__.tag): member for member in members}


_NAMES: Final = {dict: "object", list: "list", str: "text", int: "int", bool: "bool"}


def _name(value: object) -> str:
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)
