"""Whether the policy of a site allows what is asked for (`domain.policy`)."""

from collections.abc import Callable, Iterator
from typing import Final, assert_never

import msgspec

from execution_broker.domain.demand import EXECUTABLE
from execution_broker.domain.messages import AGAINST_POLICY
from execution_broker.domain.negotiation.addresses import (
    climbs,
    image_name,
    plain,
    without_secrets,
)
from execution_broker.domain.negotiation.site import Case
from execution_broker.domain.patterns import matches_any, matches_any_case
from execution_broker.domain.policy import Policy, Rule
from execution_broker.domain.suggesting import REMOVE
from execution_broker.models.executable import (
    DockerContainer,
    JupyterNotebook,
    Network,
    NetworkPort,
    SingularityContainer,
)
from execution_broker.models.message import Message
from execution_broker.models.resources import (
    Data,
    IvoaBlock,
    IvoaData,
    RucioData,
    S3Data,
    SimpleData,
    SkaoData,
)

_EVERYTHING: Final = Policy()


def permit(case: Case) -> None:
    """Refuse or relax everything that the site's policy does not allow."""
    policy = case.site.capability.policy
    if policy == _EVERYTHING:
        return
    match case.demand.executable:
        case JupyterNotebook(location=location):
            _judge(case, policy.notebooks, f"{EXECUTABLE}.location", location)
        case SingularityContainer(location=location):
            _judge(case, policy.images, f"{EXECUTABLE}.location", location, image_name)
            if policy.digests == "required" and location and "sha256" not in location:
                _need_digest(case, f"{EXECUTABLE}.location", location)
        case DockerContainer() as container:
            _permit_container(case, policy, container)
        case None:
            pass
        case _ as never:
            assert_never(never)
    for data in case.demand.data:
        _permit_data(case, policy, data.place, data.resource)


def _permit_container(case: Case, policy: Policy, container: DockerContainer) -> None:
    image = container.image
    locations = image.locations if image else ()
    for index, location in enumerate(locations):
        place = f"{EXECUTABLE}.image.locations[{index}]"
        _judge(case, policy.images, place, location, image_name)
    if policy.digests == "required" and image and not image.digest:
        _need_digest(case, f"{EXECUTABLE}.image.digest", "not given")
    if policy.privileged == "refused" and container.privileged:
        place = f"{EXECUTABLE}.privileged"
        accepted = "Leave it out."
        fault = _against(case, place, "true", accepted, from_="true", **REMOVE)
        case.relax(fault, executable=msgspec.structs.replace(container, privileged=False))
    if container.network:
        _permit_ports(case, policy, container.network)


def _permit_ports(case: Case, policy: Policy, network: Network) -> None:
    for index, port in enumerate(network.ports):
        place = f"{EXECUTABLE}.network.ports[{index}]"
        _permit_numbers(case, policy, place, port)
        for name, rule in (("path", policy.port_paths), ("protocol", policy.protocols)):
            _judge(case, rule, f"{place}.{name}", getattr(port, name))


def _permit_numbers(case: Case, policy: Policy, place: str, port: NetworkPort) -> None:
    """A number that no range has is a fault; the nearest one that some range has would do."""
    sides = (
        ("internal", port.internal, policy.internal_ports),
        ("external", port.external, policy.external_ports),
    )
    for side, end, ranges in sides:
        number = end.port if end else None
        if number is None or ranges is None:
            continue
        if any(first <= number <= last for first, last in ranges):
            continue
        where = f"{place}.{side}.port"
        if not ranges:
            case.refuse(_against(case, where, number, "No port is accepted."))
            continue
        shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ranges)
        nearest = min((min(max(number, a), b) for a, b in ranges), key=lambda n: abs(n - number))
        accepted = f"Accepted are: {shown}."
        case.relax(_against(case, where, number, accepted, from_=number, to=nearest))


def _permit_data(case: Case, policy: Policy, place: str, data: Data) -> None:
    match data:
        case SimpleData():
            _judge(case, policy.data, f"{place}.location", data.location)
        case S3Data():
            _judge(case, policy.s3_endpoints, f"{place}.endpoint", data.endpoint)
        case IvoaData():
            _permit_ivoa(case, policy, f"{place}.ivoa", data.ivoa)
        case SkaoData():
            _permit_ivoa(case, policy, f"{place}.ivoa", data.ivoa)
            if data.skao:
                _judge(case, policy.namespaces, f"{place}.skao.namespace", data.skao.namespace)
                for index, replica in enumerate(data.skao.replicas):
                    where = f"{place}.skao.replicas[{index}].dataurl"
                    _judge(case, policy.data, where, replica.dataurl)
        case RucioData():
            return
        case _:
            assert_never(data)


def _permit_ivoa(case: Case, policy: Policy, place: str, ivoa: IvoaBlock | None) -> None:
    if ivoa is None:
        return
    _judge(case, policy.ivoids, f"{place}.ivoid", ivoa.ivoid)
    if ivoa.obscore:
        _judge(case, policy.data, f"{place}.obscore.access_url", ivoa.obscore.access_url)
    if ivoa.datalink:
        _judge(case, policy.data, f"{place}.datalink.access_url", ivoa.datalink.access_url)


def _judge(
    case: Case,
    rule: Rule,
    place: str,
    value: str | None,
    name_of: Callable[[str], str] = plain,
) -> None:
    """A value that the rule does not take is refused; what is not given is not judged."""
    if not value or rule.is_open:
        return
    name = name_of(value)
    is_forbidden = matches_any_case(rule.forbidden, name) or climbs(name)
    if is_forbidden or (rule.allowed is not None and not matches_any(rule.allowed, name)):
        accepted = " ".join(_accepted(rule))
        case.refuse(_against(case, place, without_secrets(name), accepted))


def _accepted(rule: Rule) -> Iterator[str]:
    if rule.allowed is not None:
        yield f"Accepted are: {', '.join(rule.allowed) or 'none'}."
    if rule.forbidden:
        yield f"Not accepted are: {', '.join(rule.forbidden)}."


def _need_digest(case: Case, place: str, value: str) -> None:
    accepted = "An image is accepted with its sha256 digest."
    case.refuse(_against(case, place, without_secrets(value), accepted))


def _against(case: Case, place: str, value: object, accepted: str, **suggestion: object) -> Message:
    return AGAINST_POLICY(
        place=place,
        value=value,
        platform=case.site.name,
        accepted=accepted,
        path=place,
        **suggestion,
    )
