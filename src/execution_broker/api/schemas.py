"""The schemas of our wire structs, under the names that the published document gives them.

Our structs have short names, share what is alike, and never say null; the published document has
a name for each of these in each place, and one for each union. A generated client sees the latter.
"""

import copy
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Final, get_args

import msgspec

from execution_broker.api.xml_hints import hint
from execution_broker.models.component import Cost, Metric
from execution_broker.models.executable import Executable
from execution_broker.models.execution import ExecutionSession
from execution_broker.models.message import Option
from execution_broker.models.resources import Compute, Data, Storage, Volume
from execution_broker.models.update import Update

_REF: Final = "#/components/schemas/"

UNIONS: Final[Mapping[str, Any]] = {
    "AbstractExecutable": Executable,
    "AbstractComputeResource": Compute,
    "AbstractStorageResource": Storage,
    "AbstractVolumeMount": Volume,
    "AbstractDataResource": Data,
    "AbstractCostItem": Cost,
    "AbstractMetricItem": Metric,
    "AbstractOption": Option,
    "AbstractExecutionSession": ExecutionSession,
    "AbstractUpdate": Update,
}
"""What is told apart by its kind, also where there is only one kind so far."""

NAMES: Final[Mapping[str, str]] = {
    "ComponentPhase": "LifecyclePhase",
    "Connector": "SimpleSessionConnector",
    "Cost": "SimpleMinMaxFloatCost",
    "DataLink": "IvoaDataLinkItem",
    "DeltaOption": "IntegerDeltaOption",
    "DeltaUpdate": "IntegerDeltaUpdate",
    "EnumOption": "EnumValueOption",
    "EnumUpdate": "EnumValueUpdate",
    "ExecutionSession": "ScheduledExecutionSession",
    "ExternalPort": "DockerExternalPort",
    "Image": "DockerImageSpec",
    "ImagePlatform": "DockerPlatformSpec",
    "InstantSpan": "LifecycleStartDurationInstant",
    "IntegerOption": "IntegerValueOption",
    "IntegerUpdate": "IntegerValueUpdate",
    "InternalPort": "DockerInternalPort",
    "IntervalSpan": "LifecycleStartDurationInterval",
    "IvoaBlock": "IvoaDataResourceBlock",
    "IvoaData": "IvoaDataResource",
    "Message": "MessageItem",
    "Metadata": "ComponentMetadata",
    "Metric": "SimpleMinMaxFloatMetric",
    "Network": "DockerNetworkSpec",
    "NetworkPort": "DockerNetworkPort",
    "ObsCore": "IvoaObsCoreItem",
    "RequestedSchedule": "RequestedScheduleBlock",
    "RucioBlock": "RucioDataResourceBlock",
    "RucioData": "RucioDataResource",
    "S3Data": "S3DataResource",
    "Schedule": "LifecycleSchedule",
    "SessionPhase": "SimpleExecutionSessionPhase",
    "SimpleCompute": "SimpleComputeResource",
    "SimpleData": "SimpleDataResource",
    "SimpleStorage": "SimpleStorageResource",
    "SimpleVolume": "SimpleVolumeMount",
    "SkaoBlock": "SkaoDataResourceBlock",
    "SkaoChecksum": "SkaoChecksumItem",
    "SkaoData": "SkaoDataResource",
    "SkaoReplica": "SkaoReplicaItem",
    "StringOption": "StringValueOption",
    "StringUpdate": "StringValueUpdate",
}
"""Structs whose published name is another one. Those that are not listed keep theirs."""

PLACES: Final[Mapping[tuple[str, str], str]] = {
    ("SimpleComputeResource", "cores"): "SimpleComputeCores",
    ("SimpleComputeResource", "memory"): "SimpleComputeMemory",
    ("SimpleStorageResource", "size"): "SimpleStorageSize",
    ("ScheduledExecutionSession", "schedule"): "ScheduledExecutionSchedule",
    ("ScheduledExecutionSchedule", "preparing"): "ScheduleStartDurationInstant",
    ("ScheduledExecutionSchedule", "available"): "ScheduleStartDurationInterval",
    ("ScheduledExecutionSchedule", "releasing"): "ScheduleStartDurationInstant",
}
"""Shared structs that the published document names by the property they stand in; outer first."""

_FORMATS: Final[Mapping[str, str]] = {
    "created": "date-time",
    "expires": "date-time",
    "modified": "date-time",
    "reported": "date-time",
    "time": "date-time",
    "uuid": "uuid",
}
"""Formats of text, by the name of the property; msgspec writes none."""

_SHORT: Final = frozenset({"calib_level", "content_length", "port"})
"""Whole numbers that the published document gives 32 bits. All others have 64, lest the client
that a generator makes takes fewer."""


class Schemas:
    """The components for a set of wire types, and a reference to each of them."""

    def __init__(self, types: Iterable[Any]) -> None:
        roots = [*types, *UNIONS.values()]
        _, raw = msgspec.json.schema_components(roots, ref_template=_REF + "{name}")
        self.components = {_published(name): _tidy(schema) for name, schema in raw.items()}
        shared = {self._name_place(*place, name) for place, name in PLACES.items()}
        self.components |= {name: _union(members) for name, members in UNIONS.items()}
        hint(self.components)
        needed = set(_references(self.components))
        for name in shared - needed:
            del self.components[name]
        self.components = dict(sorted(self.components.items()))

    def reference(self, type_: Any) -> dict[str, Any]:
        """A reference to the schema of a wire type or union."""
        if isinstance(type_, UnionType):
            return {"$ref": _REF + _union_name(get_args(type_)[0].__name__)}
        return {"$ref": _REF + _published(type_.__name__)}

    def _name_place(self, owner: str, key: str, name: str) -> str:
        """Give the struct at a place a name of its own; the name it shared with others."""
        reference = self.components[owner]["properties"][key]
        shared: str = reference["$ref"].removeprefix(_REF)
        self.components[name] = {**copy.deepcopy(self.components[shared]), "title": name}
        reference["$ref"] = _REF + name
        return shared


def _published(name: str) -> str:
    return NAMES.get(name, name)


def _union_name(member: str) -> str:
    for name, members in UNIONS.items():
        if member in (known.__name__ for known in get_args(members) or (members,)):
            return name
    raise KeyError(member)


def _union(members: Any) -> dict[str, Any]:
    structs = get_args(members) or (members,)
    references = {
        struct.__struct_config__.tag: _REF + _published(struct.__name__) for struct in structs
    }
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "kind", "mapping": references},
    }


_SINGLE: Final = {
    members.__name__: name for name, members in UNIONS.items() if not get_args(members)
}


def _tidy(schema: Any, key: str = "") -> Any:
    """A schema of msgspec's without null and its defaults, with published references."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema:
        first: str = schema["anyOf"][0]["$ref"].removeprefix(_REF)
        return {"$ref": _REF + _union_name(first)}
    if "anyOf" in schema:
        present = [part for part in schema["anyOf"] if part != {"type": "null"}]
        if len(present) == 1:
            return _tidy(present[0], key)
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return {"$ref": _REF + _SINGLE.get(name, _published(name))}
    tidy = {
        name: {inner: _tidy(part, inner) for inner, part in value.items()}
        if name == "properties"
        else _tidy(value)
        for name, value in schema.items()
        if not (name == "default" and value in (None, "", (), [], {}))
        and not (name == "required" and not value)
    }
    if isinstance(title := schema.get("title"), str):
        tidy["title"] = _published(title)
    if "enum" in tidy and "type" not in tidy:
        tidy["type"] = "string"
    return tidy | _format(key, tidy.get("type"))


def _format(key: str, type_: object) -> dict[str, str]:
    if type_ == "integer":
        return {"format": "int32" if key in _SHORT else "int64"}
    if type_ == "string" and key in _FORMATS:
        return {"format": _FORMATS[key]}
    return {}


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value.removeprefix(_REF)
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)
