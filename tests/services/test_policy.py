"""The policy of a site as it stands in a configuration: each list says NO through the front door,
with the place and what would be accepted, and lets what it allows pass."""

from pathlib import Path
from typing import Any, Final

import pytest

from execution_broker.models import kinds
from execution_broker.models.execution import OfferSetResponse
from tests.harness.broker import broker

IMAGE: Final = "registry.example.org/app:1"
DIGEST: Final = "sha256:" + "0" * 64


def docker(location: str = IMAGE, digest: str = DIGEST, **parts: Any) -> dict[str, Any]:
    image = {"locations": [location], "digest": digest}
    return {"executable": {"kind": kinds.DOCKER_CONTAINER, "image": image, **parts}}


def port(**parts: Any) -> dict[str, Any]:
    return docker(network={"ports": [parts]})


def notebook(location: str) -> dict[str, Any]:
    return {"executable": {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", "location": location}}


def data(kind: str, **parts: Any) -> dict[str, Any]:
    return {**docker(), "data": [{"kind": kind, **parts}]}


def compute(**sizes: Any) -> dict[str, Any]:
    return {**docker(), "compute": {"kind": kinds.SIMPLE_COMPUTE, **sizes}}


def storage(least: int) -> dict[str, Any]:
    return {**docker(), "storage": [{"kind": kinds.SIMPLE_STORAGE, "size": {"min": least}}]}


CASES: Final[dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]]] = {
    "allowed images": (
        {"images": {"allowed": ["registry.example.org/**"]}},
        docker(),
        docker("quay.io/app:1"),
        "executable.image.locations[0]",
    ),
    "forbidden images": (
        {"images": {"forbidden": ["**:latest"]}},
        docker(),
        docker("quay.io/app:latest"),
        "executable.image.locations[0]",
    ),
    "digests": (
        {"digests": "required"},
        docker(),
        docker(digest=""),
        "executable.image.digest",
    ),
    "notebooks": (
        {"notebooks": {"allowed": ["https://*.example.org/**"]}},
        notebook("https://a.example.org/a.ipynb"),
        notebook("https://elsewhere.org/a.ipynb"),
        "executable.location",
    ),
    "data": (
        {"data": {"forbidden": ["ftp://**"]}},
        data(kinds.SIMPLE_DATA, location="https://a.example.org/a"),
        data(kinds.SIMPLE_DATA, location="ftp://a.example.org/a"),
        "data[0].location",
    ),
    "S3 endpoints": (
        {"s3_endpoints": {"allowed": ["https://s3.example.org"]}},
        data(kinds.S3_DATA, endpoint="https://s3.example.org", template="{bucket}", bucket="b"),
        data(kinds.S3_DATA, endpoint="https://s3.elsewhere.org", template="{bucket}", bucket="b"),
        "data[0].endpoint",
    ),
    "IVOIDs": (
        {"ivoids": {"allowed": ["ivo://archive/**"]}},
        data(kinds.IVOA_DATA, ivoa={"ivoid": "ivo://archive/a"}),
        data(kinds.IVOA_DATA, ivoa={"ivoid": "ivo://other/a"}),
        "data[0].ivoa.ivoid",
    ),
    "SKAO namespaces": (
        {"namespaces": {"allowed": ["testing"]}},
        data(kinds.SKAO_DATA, skao={"namespace": "testing", "objectname": "a"}),
        data(kinds.SKAO_DATA, skao={"namespace": "mid", "objectname": "a"}),
        "data[0].skao.namespace",
    ),
    "internal ports": (
        {"internal_ports": [[1024, 65535]]},
        port(internal={"port": 8080}),
        port(internal={"port": 22}),
        "executable.network.ports[0].internal.port",
    ),
    "external ports": (
        {"external_ports": [[443, 443], [8000, 8999]]},
        port(external={"port": 443}),
        port(external={"port": 80}),
        "executable.network.ports[0].external.port",
    ),
    "port paths": (
        {"port_paths": {"forbidden": ["/admin**"]}},
        port(path="/lab"),
        port(path="/admin/x"),
        "executable.network.ports[0].path",
    ),
    "protocols": (
        {"protocols": {"allowed": ["HTTPS"]}},
        port(protocol="HTTPS"),
        port(protocol="SSH"),
        "executable.network.ports[0].protocol",
    ),
    "privileged": (
        {"privileged": "refused"},
        docker(),
        docker(privileged=True),
        "executable.privileged",
    ),
}
"""Policy, what it allows, what it does not, and the place that the NO names."""


@pytest.mark.parametrize("case", CASES)
async def test_each_list_of_a_configuration_is_kept_to(tmp_path: Path, case: str) -> None:
    policy, fine, wrong, place = CASES[case]
    async with broker(tmp_path, platforms={"there": there(policy)}) as made:
        alice = await made.caller("alice")
        answer = await made.ask(alice, fine)
        assert answer.result == "YES", faults(answer)
        refused = await made.ask(alice, wrong)
        assert refused.result == "NO"
        ((named, accepted),) = faults(refused)
        assert named == place
        assert accepted


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("cores", compute(cores={"min": 1, "max": 8})),
        ("memory", compute(memory={"min": 1, "max": 8})),
        (
            "storage",
            {**storage(1), "storage": [{**storage(1)["storage"][0], "size": {"min": 1, "max": 8}}]},
        ),
    ],
)
async def test_the_most_of_a_session_is_capped_or_refused(
    tmp_path: Path, name: str, asked: dict[str, Any]
) -> None:
    """A request that could use more than four gets four, or a NO, as the site says; one that needs
    more gets a NO either way."""
    needs = {"storage": storage(5)}.get(name) or compute(**{name: {"min": 5}})
    for over, result in (("cap", "YES"), ("refuse", "NO")):
        policy = {name: {"most": 4, "over": over}}
        async with broker(tmp_path / over, platforms={"there": there(policy)}) as made:
            alice = await made.caller("alice")
            answer = await made.ask(alice, asked)
            assert answer.result == result, faults(answer)
            for offer in answer.offers:
                sizes = {
                    "cores": offer.compute and offer.compute.cores,
                    "memory": offer.compute and offer.compute.memory,
                    "storage": offer.storage[0].size if offer.storage else None,
                }
                assert sizes[name].max == 4  # type: ignore[union-attr]
            assert (await made.ask(alice, needs)).result == "NO"


def there(policy: dict[str, Any]) -> dict[str, Any]:
    return {"plugin": "simulated", "takes": "everything", "policy": policy}


def faults(answer: OfferSetResponse) -> list[tuple[str, str]]:
    """The place of each fault, and what would be accepted there."""
    assert answer.meta is not None
    return [
        (str(one.values.get("place")), str(one.values.get("accepted", "")))
        for one in answer.meta.messages
        if one.level == "ERROR"
    ]
