"""Properties without effect are found with their places, and with what may have been meant."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given

from execution_broker.models import kinds
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.ignored import MOST, NOTHING, Ignored, find_ignored
from execution_broker.models.reading import read_request
from tests.formats.wire_values import instances

NOTEBOOK = {"kind": kinds.JUPYTER_NOTEBOOK, "location": "https://example.org/a.ipynb"}
DOCKER = {"kind": kinds.DOCKER_CONTAINER, "image": {"locations": ["example.org/a:1"]}}
COMPUTE = {"kind": kinds.SIMPLE_COMPUTE}
DATA = {"kind": kinds.SIMPLE_DATA, "location": "https://example.org/a.fits"}
VOLUME = {"kind": kinds.SIMPLE_VOLUME, "path": "/a", "resource": "a"}
S3 = {"kind": kinds.S3_DATA}


def found(request: Any) -> dict[str, str | None]:
    """Each place, with the nearest one."""
    return {one.place: one.nearest for one in find_ignored(request).named}


@pytest.mark.parametrize(
    ("request_", "place", "nearest"),
    [
        ({"corez": {"min": 1}}, "corez", "compute.cores"),
        ({"cores": {"min": 1}}, "cores", "compute.cores"),
        ({"duration": "PT1H"}, "duration", "schedule.requested.duration"),
        ({"executable": NOTEBOOK, "meta": {"name": "mine"}}, "meta", "executable.meta"),
        ({"Data": []}, "Data", "data"),
        ({"teapot": 1}, "teapot", None),
        ({"executable": NOTEBOOK | {"cores": 2}}, "executable.cores", "compute.cores"),
        ({"executable": NOTEBOOK | {"name": "x"}}, "executable.name", "executable.meta.name"),
        ({"executable": DOCKER | {"env": {}}}, "executable.env", "executable.environment"),
        ({"executable": DOCKER | {"enviroment": {}}}, "executable.enviroment", "environment"),
        ({"executable": DOCKER | {"parameters": {}}}, "executable.parameters", None),
        ({"executable": NOTEBOOK | {"Location": "x"}}, "executable.Location", "location"),
        ({"compute": COMPUTE | {"corez": {}}}, "compute.corez", "cores"),
        ({"compute": COMPUTE | {"min_cores": 8}}, "compute.min_cores", "cores"),
        ({"compute": COMPUTE | {"cores": {"mim": 8}}}, "compute.cores.mim", "min"),
        ({"compute": COMPUTE | {"memory": {"maximum": 8}}}, "compute.memory.maximum", "max"),
        (
            {"compute": COMPUTE | {"amounts": {"gpus": {"count": 1}}}},
            "compute.amounts.gpus.count",
            None,
        ),
        (
            {"compute": COMPUTE | {"volumes": [VOLUME, VOLUME | {"pth": "/b"}]}},
            "compute.volumes[1].pth",
            "path",
        ),
        ({"schedule": {"duration": "PT1H"}}, "schedule.duration", "requested.duration"),
        ({"schedule": {"start": "..", "requested": {}}}, "schedule.start", "requested.start"),
        ({"schedule": {"requested": {"strat": ".."}}}, "schedule.requested.strat", "start"),
        ({"data": [DATA, S3 | {"size": 7}]}, "data[1].size", "checks.size"),
        ({"data": [S3 | {"bucketname": "b"}]}, "data[0].bucketname", "bucket"),
        ({"data": [DATA | {"costs": [{"maxx": 1}]}]}, "data[0].costs[0].maxx", "max"),
    ],
)
def test_each_is_named_with_the_nearest(
    request_: dict[str, Any], place: str, nearest: str | None
) -> None:
    prefix = place.rpartition(".")[0]
    candidates = {nearest, f"{prefix}.{nearest}"} if nearest else {None}
    named = found(request_)
    assert named.keys() == {place}
    assert named[place] in candidates


@pytest.mark.parametrize(
    ("request_", "place", "nearest"),
    [
        ({"data": [DATA | {"checks": {"sha1": "0"}}]}, "data[0].checks.sha1", None),
        (
            {"data": [DATA | {"checks": {"SHA256": "0"}}]},
            "data[0].checks.SHA256",
            "data[0].checks.sha256",
        ),
        ({"data": [DATA | {"checks": {"anything": 1}}]}, "data[0].checks.anything", None),
        ({"data": [DATA | {"sha256": "0"}]}, "data[0].sha256", "data[0].checks.sha256"),
        ({"data": [DATA | {"checksum": {}}]}, "data[0].checksum", "data[0].checks"),
        ({"executable": NOTEBOOK | {"Checks": {}}}, "executable.Checks", "executable.checks"),
        ({"executable": DOCKER | {"checks": {"sha256": "0"}}}, "executable.checks", None),
    ],
)
def test_what_was_to_be_verified_is_told_apart(
    request_: dict[str, Any], place: str, nearest: str | None
) -> None:
    (one,) = find_ignored(request_).named
    assert (one.place, one.nearest, one.is_check) == (place, nearest, True)


def test_a_slip_of_the_pen_is_no_check() -> None:
    (one,) = find_ignored({"data": [DATA | {"size": 7}]}).named
    assert not one.is_check


@given(instances(ExecutionRequest))
def test_what_can_be_written_has_none_and_is_read_as_it_was(request: ExecutionRequest) -> None:
    plain = msgspec.to_builtins(request)
    assert find_ignored(plain) == NOTHING
    reading = read_request(plain)
    assert (reading.request, reading.unknown, reading.faults) == (request, (), ())


@pytest.mark.parametrize("name", ["compute", "storage", "costs", "metrics"])
def test_what_can_be_of_one_kind_alone_says_it_nevertheless(name: str) -> None:
    part: dict[str, Any] = {}
    body = {"executable": NOTEBOOK, name: part if name == "compute" else [part]}
    place = f"$.{name}.kind" if name == "compute" else f"$.{name}[0].kind"
    assert [fault.place for fault in read_request(body).faults] == [place]
    volumes = {"executable": NOTEBOOK, "compute": COMPUTE | {"volumes": [{"path": "/a"}]}}
    assert [one.place for one in read_request(volumes).faults] == ["$.compute.volumes[0].kind"]


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        {"executable": {"kind": "urn:unheard-of", "teapot": 1}},
        {"executable": {"kind": [], "teapot": 1}},
        {"executable": {"teapot": 1}},
        {"executable": NOTEBOOK | {"parameters": {"any": {"thing": 1}}}},
        {"executable": DOCKER | {"environment": {"ANY": "thing"}}},
        {"data": {"teapot": 1}, "storage": 7, "compute": [COMPUTE | {"teapot": 1}]},
    ],
)
def test_what_cannot_be_read_is_not_looked_into(request_: Any) -> None:
    assert find_ignored(request_) == NOTHING


def test_there_is_an_end_to_it() -> None:
    """Checks are never among those that are not named."""
    request = {str(number): 1 for number in range(50_000)} | {"\n" * 500_000: 1, "md5": "0"}
    began = time.process_time()
    ignored = find_ignored(request)
    assert time.process_time() - began < 5
    assert (len(ignored.named), ignored.more) == (MOST, 50_002 - MOST)
    assert [one.is_check for one in ignored.named] == [True] + [False] * (MOST - 1)
    (one,) = find_ignored({"compute": COMPUTE | {"amounts": {"g" * 10_000: {"x" * 900: 1}}}}).named
    assert len(one.place) < 200
    assert one.is_cut


def test_a_request_that_is_read_says_what_has_no_effect() -> None:
    assert read_request({"executable": NOTEBOOK}).ignored == NOTHING
    for body in ({"executable": NOTEBOOK, "corez": 1}, {"executable": 7, "corez": 1}):
        assert isinstance(read_request(body).ignored, Ignored)
        assert [one.place for one in read_request(body).ignored.named] == ["corez"]
