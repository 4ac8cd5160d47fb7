"""What the policy of a site refuses, with the place and what would be accepted."""

from typing import Any

import msgspec
import pytest

from execution_broker.domain.capability import Limits
from execution_broker.domain.negotiation import Site
from execution_broker.domain.negotiation.addresses import image_name
from execution_broker.domain.offer import No, Yes
from execution_broker.domain.policy import Policy
from execution_broker.models import kinds
from execution_broker.models.message import Message
from tests.domain.builders import (
    NOTEBOOK,
    S3,
    body,
    compute,
    data,
    follow,
    has_remedy,
    site,
    storage,
)
from tests.domain.negotiation.answers import refused, suggestion, verdict_of

ALL_DATA = frozenset(
    {kinds.SIMPLE_DATA, kinds.S3_DATA, kinds.RUCIO_DATA, kinds.IVOA_DATA, kinds.SKAO_DATA}
)


def strict(policy: dict[str, Any], **parts: Any) -> Site:
    """A site with the policy that a configuration would have."""
    return site(policy=msgspec.convert(policy, Policy), data=ALL_DATA, **parts)


def docker(*locations: str, digest: str | None = None, **parts: Any) -> dict[str, Any]:
    image = {"locations": list(locations), "digest": digest}
    return body(executable={"kind": kinds.DOCKER_CONTAINER, "image": image, **parts})


def ivoa(**block: Any) -> dict[str, Any]:
    whole = {"ivoid": "ivo://archive/a", **block}
    return body(data=[{"kind": kinds.IVOA_DATA, "ivoa": whole}])


def singularity(location: str) -> dict[str, Any]:
    return body(executable={"kind": kinds.SINGULARITY_CONTAINER, "location": location})


def notebook(location: str) -> dict[str, Any]:
    return body(executable={**NOTEBOOK, "location": location})


def resource(kind: str, **parts: Any) -> dict[str, Any]:
    return body(data=[{"kind": kind, **parts}])


def port(**parts: Any) -> dict[str, Any]:
    return docker("a", network={"ports": [parts]})


def against(request: dict[str, Any], here: Site) -> Message:
    """The only fault: it names the place, the platform and what would be accepted."""
    (fault,) = refused(request, here)
    assert fault.kind.endswith("against-policy")
    assert fault.values["platform"] == "here"
    assert fault.values["accepted"] in (fault.message or "")
    assert fault.values["path"] == fault.values["place"]
    return fault


OURS = {"allowed": ["registry.example.org/**"]}


@pytest.mark.parametrize(
    ("policy", "fine", "wrong", "place"),
    [
        (
            {"images": OURS},
            docker("registry.example.org/team/app:1"),
            docker("registry.example.org/team/app:1", "quay.io/app:1"),
            "executable.image.locations[1]",
        ),
        (
            {"images": {"forbidden": ["docker.io/library/**"]}},
            docker("quay.io/app:1"),
            docker("ubuntu:24.04"),
            "executable.image.locations[0]",
        ),
        (
            {"images": OURS},
            singularity("docker://registry.example.org/app:1"),
            singularity("library://somebody/app:1"),
            "executable.location",
        ),
        (
            {"digests": "required"},
            docker("a", digest="sha256:" + "0" * 64),
            docker("a"),
            "executable.image.digest",
        ),
        (
            {"digests": "required"},
            singularity("library://a/b:sha256.00ff"),
            singularity("library://a/b:latest"),
            "executable.location",
        ),
        (
            {"notebooks": {"allowed": ["https://*.example.org/**"]}},
            notebook("https://notebooks.example.org/a/b.ipynb"),
            notebook("https://elsewhere.org/x.example.org/b.ipynb"),
            "executable.location",
        ),
        (
            {"data": {"forbidden": ["http://**"]}},
            body(data=[data("d")]),
            body(data=[data("d"), data("e", location="HTTP://Example.org/a")]),
            "data[1].location",
        ),
        (
            {"s3_endpoints": {"allowed": ["https://s3.example.org"]}},
            body(data=[S3 | {"endpoint": "https://S3.example.org"}]),
            body(data=[S3 | {"endpoint": "https://s3.elsewhere.org"}]),
            "data[0].endpoint",
        ),
        (
            {"ivoids": {"allowed": ["ivo://archive/**"]}},
            resource(kinds.IVOA_DATA, ivoa={"ivoid": "ivo://archive/a?b"}),
            resource(kinds.IVOA_DATA, ivoa={"ivoid": "ivo://other/a"}),
            "data[0].ivoa.ivoid",
        ),
        (
            {"data": {"allowed": ["https://archive/**"]}},
            ivoa(datalink={"access_url": "https://archive/a"}),
            ivoa(obscore={"access_url": "https://other/a"}),
            "data[0].ivoa.obscore.access_url",
        ),
        (
            {"namespaces": {"allowed": ["testing", "low-*"]}},
            resource(kinds.SKAO_DATA, skao={"namespace": "low-1", "objectname": "a"}),
            resource(kinds.SKAO_DATA, skao={"namespace": "mid-1", "objectname": "a"}),
            "data[0].skao.namespace",
        ),
        (
            {"data": {"allowed": ["https://archive/**"]}},
            resource(kinds.SKAO_DATA, skao={"replicas": [{"dataurl": "https://archive/a"}]}),
            resource(kinds.SKAO_DATA, skao={"replicas": [{"dataurl": "https://other/a"}]}),
            "data[0].skao.replicas[0].dataurl",
        ),
        (
            {"protocols": {"allowed": ["HTTPS"]}},
            port(protocol="HTTPS"),
            port(protocol="SSH"),
            "executable.network.ports[0].protocol",
        ),
        (
            {"port_paths": {"forbidden": ["/admin**"]}},
            port(path="/notebook"),
            port(path="/Admin/x"),
            "executable.network.ports[0].path",
        ),
    ],
)
def test_what_is_not_allowed_is_named(
    policy: dict[str, Any], fine: dict[str, Any], wrong: dict[str, Any], place: str
) -> None:
    here = strict(policy)
    assert isinstance(verdict_of(fine, here), Yes)
    assert isinstance(verdict_of(wrong, strict({})), Yes)
    assert against(wrong, here).values["place"] == place


@pytest.mark.parametrize(
    "location",
    [
        "https://public.example.org@elsewhere.org/a.ipynb",
        "https://elsewhere.org?.example.org/a.ipynb",
        "https://elsewhere.org#.example.org/a.ipynb",
        "https://elsewhere.org\\.example.org/a.ipynb",
        "https://public.example.org/a/../../secret.ipynb",
        "https://public.example.org/a/%2e%2e/secret.ipynb",
        "https://public.example.org/a/%252E./secret.ipynb",
        "http://public.example.org/a.ipynb",
        "https://public.example.orgy/a.ipynb",
    ],
)
def test_no_trick_with_an_address_is_allowed(location: str) -> None:
    here = strict({"notebooks": {"allowed": ["https://*.example.org/**"]}})
    assert against(notebook(location), here).values["place"] == "executable.location"


def test_no_secret_of_an_address_is_shown() -> None:
    fault = against(
        notebook("https://me:password@elsewhere.org/a.ipynb?key=token"),
        strict({"notebooks": {"allowed": []}}),
    )
    assert fault.values["value"] == "https://elsewhere.org/a.ipynb"
    assert "Accepted are: none." in (fault.message or "")


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("team/app:1", "docker.io/team/app:1"),
        ("docker://team/app", "docker.io/team/app"),
        ("localhost/app", "localhost/app"),
        ("Registry.Example.org:5000/app@sha256:00", "registry.example.org:5000/app@sha256:00"),
        ("oras://Registry.example.org/App", "oras://registry.example.org/App"),
    ],
)
def test_images_are_judged_by_their_full_name(location: str, name: str) -> None:
    assert image_name(location) == name


def test_a_port_that_is_not_allowed_has_a_near_one_that_is() -> None:
    here = strict({"internal_ports": [[8000, 8999]], "external_ports": [[443, 443], [8080, 8090]]})
    request = port(internal={"port": 80}, external={"port": 8100})
    faults = refused(request, here)
    assert [suggestion(fault) for fault in faults] == [
        ("executable.network.ports[0].internal.port", "80", "8000"),
        ("executable.network.ports[0].external.port", "8100", "8090"),
    ]
    assert "443, 8080 to 8090" in (faults[1].message or "")
    fine = port(internal={"port": 8000}, external={"port": 8090})
    assert isinstance(verdict_of(fine, here), Yes)
    (closed,) = refused(port(external={"port": 1}), strict({"external_ports": []}))
    assert not has_remedy(closed)


def test_a_privileged_container_is_refused_but_not_a_plain_one() -> None:
    here = strict({"privileged": "refused"})
    request = docker("a", privileged=True)
    fault = against(request, here)
    assert isinstance(verdict_of(follow(request, [fault]), here), Yes)


def test_every_fault_is_named_at_once() -> None:
    here = strict({"images": OURS, "digests": "required", "privileged": "refused"})
    places = [fault.values["place"] for fault in refused(docker("a", privileged=True), here)]
    assert places == [
        "executable.image.locations[0]",
        "executable.image.digest",
        "executable.privileged",
    ]


@pytest.mark.parametrize("amount", ["cores", "memory"])
def test_a_maximum_caps_with_a_warning_or_refuses(amount: str) -> None:
    request = body(compute=compute(**{amount: {"min": 1, "max": 6}}))
    capped = verdict_of(request, strict({amount: {"most": 4}}))
    assert isinstance(capped, Yes)
    assert max(getattr(offer.terms, amount) for offer in capped.offers) == 4
    assert any(message.kind.endswith("capped") for message in capped.offers[0].messages)
    strictly = strict({amount: {"most": 4, "over": "refuse"}})
    (fault,) = refused(request, strictly)
    assert suggestion(fault) == (f"compute.{amount}.max", "6", "4")
    assert isinstance(verdict_of(follow(request, [fault]), strictly), Yes)
    within = body(compute=compute(**{amount: {"min": 1, "max": 4}}))
    assert isinstance(verdict_of(within, strictly), Yes)


@pytest.mark.parametrize("over", ["cap", "refuse"])
def test_more_than_the_maximum_at_least_is_a_no_either_way(over: str) -> None:
    here = strict({"cores": {"most": 3, "over": over}}, limits=Limits(cores=7))
    request = body(compute=compute(cores={"min": 5, "max": 6}))
    verdict = verdict_of(request, here)
    assert isinstance(verdict, No)
    assert isinstance(verdict_of(follow(request, verdict.messages), here), Yes)


def test_storage_is_capped_or_refused_in_all() -> None:
    sizes = [{"min": 2, "max": 20}, {"min": 3, "max": 5}]
    request = body(storage=[storage(f"s{i}", size=size) for i, size in enumerate(sizes)])
    capped = verdict_of(request, strict({"storage": {"most": 10}}))
    assert isinstance(capped, Yes)
    assert max(sum(offer.terms.storage) for offer in capped.offers) == 10
    here = strict({"storage": {"most": 10, "over": "refuse"}})
    faults = refused(request, here)
    assert [suggestion(fault) for fault in faults] == [
        ("storage[0].size.max", "20", "7"),
        ("storage[1].size.max", "5", "3"),
    ]
    assert isinstance(verdict_of(follow(request, faults), here), Yes)


def test_storage_that_is_too_much_at_least_is_refused_at_most_as_well() -> None:
    here = strict({"storage": {"most": 1, "over": "refuse"}})
    request = body(storage=[storage("s", size={"min": 2, "max": 2})])
    faults = refused(request, here)
    assert [suggestion(fault) for fault in faults] == [
        ("storage[0].size.min", "2", "1"),
        ("storage[0].size.max", "2", "1"),
    ]
    assert isinstance(verdict_of(follow(request, faults), here), Yes)
