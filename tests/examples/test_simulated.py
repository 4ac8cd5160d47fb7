"""The example of a simulated site: it can be used as it is, and no key is missing in it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from execution_broker import config
from execution_broker.domain.capability import SiteRules
from execution_broker.models import kinds
from execution_broker.platforms.simulated.config import SimulatedConfig
from tests.harness.asking import uuid_of
from tests.harness.broker import broker, working

FILE = Path(__file__).parents[2] / "examples" / "config" / "simulated.toml"
TEXT = FILE.read_text("utf-8")
REQUEST = {
    "executable": {
        "kind": kinds.DOCKER_CONTAINER,
        "image": {"locations": ["ubuntu:24.04"]},
        "environment": {"SIMULATED_RUN": "0.1", "SIMULATED_STATUS": "0"},
    },
    "compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 2}},
}


def keys(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Every key of a struct, and of the structs in it."""
    described = inspect.type_info(struct)
    assert isinstance(described, inspect.StructType)
    for field in described.fields:
        yield field.encode_name
        yield from nested(field.type)


def nested(type_: inspect.Type) -> Iterator[str]:
    match type_:
        case inspect.StructType(cls=found):
            yield from keys(found)
        case inspect.VarTupleType(item_type=item):
            yield from nested(item)
        case inspect.UnionType(types=types):
            for one in types:
                yield from nested(one)


@pytest.mark.parametrize("key", sorted({*keys(SimulatedConfig), *keys(SiteRules)}))
def test_every_key_is_in_it(key: str) -> None:
    assert re.search(rf"\b{key}(\]|\s*=)", TEXT), key


async def test_a_session_runs_with_it(tmp_path: Path) -> None:
    values: dict[str, Any] = tomllib.loads(TEXT)
    site = values["platforms"]["site"]
    site["failures"] = {}
    loaded = config.load_values({**values, "data_directory": str(tmp_path)})
    assert loaded.sites["site"].policy.privileged == "refused"
    async with broker(tmp_path, **values) as made, working(made):
        caller = await made.caller("me")
        offer = (await made.ask(caller, REQUEST)).offers[0]
        assert offer.compute
        assert offer.compute.cores
        assert offer.compute.cores.min == 4, "the flavour that fits"
        types = {cost.type for cost in offer.costs}
        assert types == {kinds.COST_MONETARY, kinds.COST_ENERGY, kinds.COST_CARBON}
        assert offer.meta
        assert any("runs nothing" in (m.message or "") for m in offer.meta.messages)
        await made.set_phase(caller, uuid_of(offer), "ACCEPTED")
        ended = await made.ended(caller, uuid_of(offer))
        assert ended.phase == "COMPLETED"
        refused = await made.ask(
            caller, {"executable": {**REQUEST["executable"], "privileged": True}}
        )
        assert refused.result == "NO"
        assert refused.meta
        (fault,) = refused.meta.messages
        assert fault.values["place"] == "executable.privileged"
