"""From a request to a demand: references, defaults, and every fault at once."""

from datetime import timedelta
from typing import Any

import pytest

from execution_broker.domain.demand import Demand, Size
from execution_broker.domain.digests import read_digest
from execution_broker.domain.iso8601 import write_epochs
from execution_broker.domain.messages import UNKNOWN_KIND
from execution_broker.domain.resolve import Defaults, resolve
from execution_broker.models import kinds
from execution_broker.models.reading import read_request
from tests.domain.builders import (
    DOCKER,
    NOTEBOOK,
    NOW,
    SINGULARITY,
    body,
    by_word,
    compute,
    cost,
    data,
    demand,
    faults,
    follow,
    metric,
    requested,
    resolved,
    storage,
    volume,
)


def test_the_smallest_request_gets_the_defaults_and_is_told_so() -> None:
    defaults = Defaults(default_cores=2, default_memory=3, duration=600, look_ahead=3600)
    found = resolved(body(), defaults=defaults)
    assert isinstance(found, Demand)
    assert (found.cores, found.memory) == (Size(2), Size(3))
    assert (found.window_start, found.window_end) == (NOW, NOW + 3600)
    assert found.duration == timedelta(minutes=10)
    assert [m.values["place"] for m in found.messages] == [
        "compute",
        "schedule.requested.start",
        "schedule.requested.duration",
    ]
    assert {m.level for m in found.messages} == {"INFO"}


def test_what_was_given_needs_no_remark() -> None:
    request = body(
        compute=compute(cores={"min": 2, "max": 4}, memory={"min": 8}),
        storage=[storage("s", size={"min": 5, "max": 10})],
        schedule=requested(duration="PT0.5S", start="2027-02-01T00:00:00.5Z/PT1H"),
    )
    found = demand(request)
    assert found.messages == ()
    assert (found.cores, found.memory) == (Size(2, 4), Size(8))
    assert found.storage[0].size == Size(5, 10)
    assert found.duration == timedelta(seconds=1)
    assert write_epochs(found.window_start, found.window_end) == (
        "2027-02-01T00:00:01Z/2027-02-01T01:00:01Z"
    )


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (None, Size(2)),
        ({}, Size(2)),
        ({"min": 3}, Size(3)),
        ({"max": 8}, Size(2, 8)),
        ({"max": 1}, Size(1, 1)),
        ({"min": 2**63 - 1}, Size(2**63 - 1)),
    ],
)
def test_half_a_range(asked: dict[str, int] | None, size: Size) -> None:
    found = resolved(body(compute=compute(cores=asked)), defaults=Defaults(default_cores=2))
    assert isinstance(found, Demand)
    assert found.cores == size


@pytest.mark.parametrize(
    ("asked", "suggestions"),
    [
        ({"min": 0}, {"compute.cores.min": "1"}),
        ({"min": -5, "max": -3}, {"compute.cores.min": "1", "compute.cores.max": "1"}),
        ({"min": 4, "max": 0}, {"compute.cores.max": "4"}),
        ({"min": 4, "max": 2}, {"compute.cores.max": "4"}),
        ({"max": -1}, {"compute.cores.max": "1"}),
    ],
)
def test_impossible_amounts(asked: dict[str, int], suggestions: dict[str, str]) -> None:
    request = body(compute=compute(cores=asked))
    found = faults(request)
    assert {m.values["path"]: m.values["to"] for m in found} == suggestions
    assert isinstance(resolved(follow(request, found)), Demand)


@pytest.mark.parametrize(
    ("size", "gib"), [(None, 1), (0, 1), (1 << 30, 1), ((1 << 30) + 1, 2), (5 << 30, 5)]
)
def test_implied_storage_holds_its_data(size: int | None, gib: int) -> None:
    found = demand(body(storage=[storage("s")], data=[data(checks={"size": size})]))
    assert found.data[0].storage == 1
    assert found.storage[1].implied
    assert found.storage[1].size == Size(gib)


@pytest.mark.parametrize(
    ("volumes", "paths"),
    [
        ([volume(None, "d")], ["compute.volumes[0].path"]),
        ([volume("", "d")], ["compute.volumes[0].path"]),
        ([volume("/a", None)], ["compute.volumes[0].resource"]),
        ([volume("/a", "d"), volume("/b/../a", "d")], ["compute.volumes[1].path"]),
        ([volume("a/..", "d")], ["compute.volumes[0].path"]),
        (
            [volume("/a", "d"), volume("/b", "d"), volume("//a/./", "d")],
            ["compute.volumes[2].path"],
        ),
        ([volume("/", "d")], ["compute.volumes[0].path"]),
        ([volume(".", "d")], ["compute.volumes[0].path"]),
        ([volume("/a\x00", "d")], ["compute.volumes[0].path"]),
    ],
)
def test_volumes_have_paths_of_their_own(volumes: list[dict[str, Any]], paths: list[str]) -> None:
    request = body(data=[data("d")], compute=compute(volumes=volumes))
    assert [m.values["path"] for m in faults(request)] == paths


@pytest.mark.parametrize(
    ("executable", "part"),
    [
        (None, "executable"),
        ({"kind": kinds.JUPYTER_NOTEBOOK}, "executable.location"),
        ({"kind": kinds.SINGULARITY_CONTAINER, "location": ""}, "executable.location"),
        ({"kind": kinds.DOCKER_CONTAINER}, "executable.image.locations"),
        ({"kind": kinds.DOCKER_CONTAINER, "image": {}}, "executable.image.locations"),
    ],
)
def test_an_executable_says_where_it_is(executable: dict[str, Any] | None, part: str) -> None:
    (fault,) = faults({"executable": executable})
    assert fault.values["part"] == part


@pytest.mark.parametrize("executable", [DOCKER, SINGULARITY, NOTEBOOK])
def test_every_kind_of_executable_is_enough(executable: dict[str, Any]) -> None:
    found = demand({"executable": executable}).executable
    assert found is not None
    assert found.__struct_config__.tag == executable["kind"]


@pytest.mark.parametrize(
    "checks", [{"size": -1}, {"md5": "abc"}, {"sha256": "g" * 64}, {"adler32": "1" * 9}]
)
def test_checks_that_nothing_can_pass(checks: dict[str, Any]) -> None:
    for request in (
        body(data=[data(checks=checks)]),
        {"executable": NOTEBOOK | {"checks": checks}},
    ):
        (fault,) = faults(request)
        assert isinstance(resolved(follow(request, [fault])), Demand)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"costs": [cost(None, max=1)]}, ["missing-part"]),
        ({"metrics": [metric(None, min=1)]}, ["missing-part"]),
        ({"costs": [cost("urn:x", min=2, max=1)]}, ["reversed-range"]),
        ({"metrics": [metric("urn:x", min=2, max=1)]}, ["reversed-range"]),
        ({"costs": [cost("urn:x", max=float("nan"))]}, ["bad-value"]),
        ({"compute": compute(metrics=[metric("", min=1)])}, ["missing-part"]),
        ({"data": [data(costs=[cost("", max=1)])]}, ["missing-part"]),
    ],
)
def test_bounds_that_bound_nothing_anybody_knows(bounds: dict[str, Any], words: list[str]) -> None:
    assert list(by_word(faults(body(**bounds)))) == words


def test_a_bound_on_the_other_side_is_none() -> None:
    request = body(costs=[cost(None, min=1)], metrics=[metric(None, max=1)])
    assert isinstance(resolved(request), Demand)


def test_all_faults_at_once() -> None:
    request = {
        "compute": compute(cores={"min": 0}, volumes=[volume(None, "x")]),
        "storage": [storage("s", size={"min": 3, "max": 2})],
        "data": [data(storage="t", location=None)],
        "schedule": requested(duration="P1M", start="soon"),
        "costs": [cost(None, max=1)],
    }
    words = [m.kind.rpartition(":")[2] for m in faults(request)]
    assert sorted(words) == sorted(
        [
            "missing-part",  # the executable
            "missing-part",  # the type of the cost
            "bad-value",  # cores
            "reversed-range",
            "missing-part",  # the data's location
            "unknown-reference",
            "missing-part",  # the volume's path
            "unknown-reference",
            "bad-value",
            "bad-value",
        ]
    )


def test_unknown_kinds_come_first_and_excuse_what_follows_from_them() -> None:
    unknown = {"kind": "urn:unknown"}
    request = {
        "executable": unknown,
        "storage": [unknown, storage("s", size={"min": 0})],
        "data": [unknown, data(storage="gone"), data(location=None)],
        "compute": compute(volumes=[unknown, volume(None, "gone")]),
    }
    reading = read_request(request)
    remarks = tuple(
        UNKNOWN_KIND(place=found.place, kind=found.kind, known="...") for found in reading.unknown
    )
    found = resolve(reading.request, Defaults(), NOW, remarks).faults
    assert found[:4] == remarks
    assert [m.values["path"] for m in found[4:]] == [
        "storage[1].size.min",
        "data[2].location",
        "compute.volumes[1].path",
    ]


def test_an_unknown_kind_alone_is_a_no() -> None:
    for place in ("$.compute", "compute", "somewhere else"):
        remark = UNKNOWN_KIND(place=place, kind="urn:x", known="...")
        found = resolve(read_request(body()).request, Defaults(), NOW, (remark,))
        assert found.faults == (remark,)


@pytest.mark.parametrize(
    "parts",
    [
        {"storage": [storage("s")] * 501},
        {"data": [data()] * 501},
        {"compute": compute(volumes=[volume("/a", "b")] * 501)},
        {"costs": [cost("urn:x", max=1)] * 501},
        {"data": [data(metrics=[metric("urn:x", min=1)] * 501)]},
    ],
)
def test_more_components_than_a_session_can_have(parts: dict[str, Any]) -> None:
    (fault,) = faults(body(**parts))
    assert "501 are more than the 500" in (fault.message or "")


@pytest.mark.parametrize("digest", ["1", "0aB", "12345678", "FFFFFFFF"])
def test_an_adler32_may_be_written_without_its_leading_zeros(digest: str) -> None:
    assert isinstance(resolved(body(data=[data(checks={"adler32": digest})])), Demand)
    assert read_digest("adler32", digest) == f"{int(digest, 16):08x}"
