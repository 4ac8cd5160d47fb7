"""What a component of each kind must have, whatever the platform."""

from typing import Any

import pytest

from execution_broker.models import kinds
from tests.domain.builders import DOCKER, S3, body, data, demand, faults

RUCIO = {"endpoint": "https://rucio.example.org", "scope": "mid", "object": "night.fits"}
SKAO = {"namespace": "mid", "objectname": "night.fits"}
REPLICA = {"rsename": "NEAR", "dataurl": "https://near.example.org/night.fits"}

WHOLE: list[dict[str, Any]] = [
    data(),
    S3,
    S3 | {"object": "night.fits"},
    {"kind": kinds.RUCIO_DATA, "rucio": RUCIO},
    {"kind": kinds.IVOA_DATA, "ivoa": {"ivoid": "ivo://archive/night"}},
    {"kind": kinds.SKAO_DATA, "skao": SKAO},
    {"kind": kinds.SKAO_DATA, "skao": {"replicas": [REPLICA]}},
]


def without(parts: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if key != name}


@pytest.mark.parametrize("whole", WHOLE)
def test_data_of_every_kind_with_all_its_parts_is_enough(whole: dict[str, Any]) -> None:
    assert len(demand(body(data=[whole])).data) == 1


@pytest.mark.parametrize(
    ("kind", "parts", "missing"),
    [
        (kinds.SIMPLE_DATA, {}, ["location"]),
        (kinds.SIMPLE_DATA, {"location": " \t"}, ["location"]),
        (kinds.S3_DATA, {}, ["endpoint", "template", "bucket"]),
        *((kinds.S3_DATA, without(S3, part), [part]) for part in S3 if part != "kind"),
        (kinds.S3_DATA, S3 | {"bucket": ""}, ["bucket"]),
        (kinds.RUCIO_DATA, {}, ["rucio"]),
        (kinds.RUCIO_DATA, {"rucio": {}}, ["rucio.endpoint", "rucio.scope", "rucio.object"]),
        *((kinds.RUCIO_DATA, {"rucio": without(RUCIO, one)}, [f"rucio.{one}"]) for one in RUCIO),
        (kinds.IVOA_DATA, {}, ["ivoa"]),
        (kinds.IVOA_DATA, {"ivoa": {"obscore": {"obs_id": "a"}}}, ["ivoa.ivoid"]),
        (kinds.SKAO_DATA, {}, ["skao"]),
        (kinds.SKAO_DATA, {"ivoa": {"ivoid": "ivo://archive/night"}}, ["skao"]),
        (kinds.SKAO_DATA, {"skao": {}}, ["skao.namespace", "skao.objectname"]),
        *((kinds.SKAO_DATA, {"skao": without(SKAO, one)}, [f"skao.{one}"]) for one in SKAO),
        (
            kinds.SKAO_DATA,
            {"skao": {"objectname": "a", "replicas": [REPLICA, {"rsename": "FAR"}]}},
            ["skao.replicas[1].dataurl"],
        ),
    ],
)
def test_data_that_lacks_a_part_is_refused_with_its_name(
    kind: str, parts: dict[str, Any], missing: list[str]
) -> None:
    found = faults(body(data=[data(), {**parts, "kind": kind}]))
    assert [fault.values["part"] for fault in found] == [f"data[1].{part}" for part in missing]
    assert [fault.values["path"] for fault in found] == [fault.values["part"] for fault in found]


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ({"image": {"locations": ["", "example.org/a:1"]}}, "image.locations[0]"),
        ({"image": {"locations": ["example.org/a:1", "  "]}}, "image.locations[1]"),
    ],
)
def test_a_container_that_lacks_a_part_is_refused_with_its_name(
    parts: dict[str, Any], part: str
) -> None:
    (fault,) = faults({"executable": DOCKER | parts})
    assert fault.values["part"] == f"executable.{part}"


def test_more_places_of_an_image_than_anybody_needs() -> None:
    (fault,) = faults({"executable": DOCKER | {"image": {"locations": [""] * 501}}})
    assert "501 are more than the 500" in (fault.message or "")
