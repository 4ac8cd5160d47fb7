"""Small requests, sites and plans, made as a client and a platform would make them."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid5

from hypothesis import settings

from execution_broker.domain.calendar import Calendar
from execution_broker.domain.capability import Capability, ExecutableSupport, Timings
from execution_broker.domain.composition import component_keys
from execution_broker.domain.demand import Demand
from execution_broker.domain.negotiation import Rules, Site
from execution_broker.domain.offer import No, Terms
from execution_broker.domain.resolve import Defaults, resolve
from execution_broker.domain.suggesting import suggestion_of
from execution_broker.models import kinds
from execution_broker.models.message import Message
from execution_broker.models.reading import read_request

EXAMPLES = settings(max_examples=min(60, settings().max_examples), deadline=None)
"""How often a rule is tried: the machine that does it may be slow."""

NOW = 1_800_000_000  # 2027-01-15T08:00:00Z
RULES = Rules()

NOTEBOOK = {"kind": kinds.JUPYTER_NOTEBOOK, "location": "https://example.org/a.ipynb"}
DOCKER = {"kind": kinds.DOCKER_CONTAINER, "image": {"locations": ["example.org/a:1"]}}
SINGULARITY = {"kind": kinds.SINGULARITY_CONTAINER, "location": "https://example.org/a.sif"}

S3 = {
    "kind": kinds.S3_DATA,
    "endpoint": "https://s3.example.org",
    "template": "{endpoint}/{bucket}/{object}",
    "bucket": "stars",
}

FEATURES = frozenset(
    {
        "checks",
        "command",
        "entrypoint",
        "environment",
        "network",
        "parameters",
        "privileged",
        "replace",
        "requirements",
    }
)


def body(**parts: Any) -> dict[str, Any]:
    """A request that runs a container, with these parts beside it."""
    return {"executable": DOCKER} | parts


def compute(**parts: Any) -> dict[str, Any]:
    return {"kind": kinds.SIMPLE_COMPUTE} | parts


def storage(name: str | None = None, **parts: Any) -> dict[str, Any]:
    return {"kind": kinds.SIMPLE_STORAGE, "meta": {"name": name}} | parts


def data(name: str | None = None, **parts: Any) -> dict[str, Any]:
    location = "https://example.org/data.fits"
    return {"kind": kinds.SIMPLE_DATA, "meta": {"name": name}, "location": location} | parts


def volume(path: str | None, resource: str | None, **parts: Any) -> dict[str, Any]:
    return {"kind": kinds.SIMPLE_VOLUME, "path": path, "resource": resource} | parts


def cost(type_: str | None, **bounds: float) -> dict[str, Any]:
    return {"kind": kinds.MINMAX_COST, "type": type_} | bounds


def metric(type_: str | None, **bounds: float) -> dict[str, Any]:
    return {"kind": kinds.MINMAX_METRIC, "type": type_} | bounds


def requested(**item: str) -> dict[str, Any]:
    return {"requested": item}


def resolved(
    request: Mapping[str, Any], now: int = NOW, defaults: Defaults | None = None
) -> Demand | No:
    """What the service does with a body: read, then resolve. A No with faults, if it has any."""
    reading = read_request(request)
    assert not reading.faults, reading.faults
    assert not reading.unknown, reading.unknown
    found, faults, _ = resolve(reading.request, defaults or Defaults(), now)
    if faults:
        return No(faults)
    assert found is not None, "what has no faults is a demand"
    return found


def demand(request: Mapping[str, Any], now: int = NOW) -> Demand:
    found = resolved(request, now)
    assert isinstance(found, Demand), found
    return found


def faults(request: Mapping[str, Any], now: int = NOW) -> list[Message]:
    found = resolved(request, now)
    assert isinstance(found, No), found
    return list(found.messages)


def capability(**parts: Any) -> Capability:
    """A platform that runs everything, quickly and for nothing."""
    runs = (kinds.DOCKER_CONTAINER, kinds.SINGULARITY_CONTAINER, kinds.JUPYTER_NOTEBOOK)
    standard: dict[str, Any] = {
        "capacity": {"cores": 8, "memory": 32, "storage": 100, "outputs": 1000},
        "executables": tuple(
            ExecutableSupport(
                kind=kind,
                modes=("INTERACTIVE", "BATCH"),
                features=FEATURES,
            )
            for kind in runs
        ),
        "compute": frozenset({kinds.SIMPLE_COMPUTE}),
        "storage": frozenset({kinds.SIMPLE_STORAGE}),
        "volumes": frozenset({kinds.SIMPLE_VOLUME}),
        "data": frozenset({kinds.SIMPLE_DATA, kinds.S3_DATA}),
        "timings": Timings(storage=1, executable_here=5, compute=5, release=10),
        "alternatives": 1.0,
    }
    return Capability(**standard | parts)


def site(name: str = "here", **parts: Any) -> Site:
    reported = capability(**parts)
    return Site(name=name, capability=reported, calendar=Calendar(reported.bookable))


def terms(**parts: Any) -> Terms:
    standard = {
        "start": NOW + 100,
        "latest": NOW + 400,
        "duration": 7200,
        "prepare": 60,
        "release": 13,
        "compute_prepare": 5,
        "compute_release": 10,
        "cores": 2,
        "memory": 4,
    }
    return Terms(**standard | parts)


def identities(of: Demand) -> dict[str, str]:
    space = UUID(int=7)
    return {key: str(uuid5(space, key)) for key in ("session", *component_keys(of))}


def by_word(messages: Iterable[Message]) -> dict[str, Message]:
    """The messages by the last word of their kind; of several of one kind the last."""
    return {message.kind.rpartition(":")[2]: message for message in messages}


def has_remedy(message: Message) -> bool:
    return suggestion_of(message) is not None


def follow(request: Mapping[str, Any], messages: Iterable[Message]) -> dict[str, Any]:
    """The request once every suggestion was followed: `path` set to `to`, or left out."""
    changed = copy.deepcopy(dict(request))
    for message in messages:
        found = suggestion_of(message)
        if found is not None:
            _set(changed, found.path, found.to)
    return changed


_STEP = re.compile(r"([A-Za-z0-9_]+)|\[(\d+)\]")


def _set(target: Any, path: str, text: str | None) -> None:
    *parents, last = (name or int(index) for name, index in _STEP.findall(path))
    place = path.rpartition(".")[0]
    for key in parents:
        if isinstance(key, str) and isinstance(target, dict) and target.get(key) is None:
            target[key] = {"kind": kinds.SIMPLE_COMPUTE} if key == "compute" else {}
        target = target[key]
    if text is None:
        target.pop(last, None)
    elif last in ("min", "max"):
        is_bound = re.search(r"(costs|metrics)\[\d+\]$", place)
        target[last] = float(text) if is_bound else int(text)
    else:
        target[last] = text
