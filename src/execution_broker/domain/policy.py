"""The policy of a site: what its operator allows, as lists and numbers that any platform can have.

It stands in `[platforms.NAME.policy]`, is stored with what the platform reported, and is judged
by negotiation: no plugin has to know of it.
"""

from typing import Annotated, Final, Literal

import msgspec

from execution_broker.domain.amounts import CORES, MEMORY, STORAGE

LIMITED: Final = frozenset({CORES, MEMORY, STORAGE})
"""The amounts whose maximum has a key of its own."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which names or locations may be asked for. What is forbidden is refused; of the rest what
    is allowed is taken, all of it where `allowed` is absent.

    Patterns: `*` is anything but `/ ? # @ \\`, `**` is anything. A location that has `..` in its
    path is refused wherever there is a rule. Forbidding is a convenience: the same content may be
    had under many names. Only `allowed` keeps things out.
    """

    allowed: tuple[str, ...] | None = None
    forbidden: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it refuses nothing."""
        return self.allowed is None and not self.forbidden


class Maximum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that one session can have. `over`: a request that could use more is offered the most
    with a warning (`cap`), or gets a NO (`refuse`). One that needs more gets a NO in either case.
    """

    most: Annotated[int, msgspec.Meta(ge=1)]
    over: Literal["cap", "refuse"] = "cap"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What this site allows. An empty policy allows everything.

    `images`: locations of Docker and Singularity images; `ubuntu:24.04` is judged as
    `docker.io/library/ubuntu:24.04`. `digests` = `required`: a Docker image has a digest, a
    Singularity image one in its location. `notebooks`: their locations. `data`: every URL that data
    is read from, the access URLs of IVOA data and the replicas of SKAO data among them.
    `s3_endpoints`, `ivoids`, `namespaces` (of SKAO data): as they stand in the request.

    Network ports of containers: `internal_ports` and `external_ports` are ranges `[first, last]`
    that each number must lie in, absent: any; `port_paths` and `protocols` are rules for the rest.
    `privileged` = `refused`: no privileged container. `cores`, `memory` (GiB) and `storage` (GiB)
    are maxima of one session, as are `amounts`, by the name of the amount (GPUs, licences).
    """

    images: Rule = Rule()
    digests: Literal["optional", "required"] = "optional"
    notebooks: Rule = Rule()
    data: Rule = Rule()
    s3_endpoints: Rule = Rule()
    ivoids: Rule = Rule()
    namespaces: Rule = Rule()
    internal_ports: tuple[tuple[Port, Port], ...] | None = None
    external_ports: tuple[tuple[Port, Port], ...] | None = None
    port_paths: Rule = Rule()
    protocols: Rule = Rule()
    privileged: Literal["allowed", "refused"] = "allowed"
    cores: Maximum | None = None
    memory: Maximum | None = None
    storage: Maximum | None = None
    amounts: dict[str, Maximum] = {}

    def maximum(self, amount: str) -> Maximum | None:
        """What is said of the most of an amount that a session can have."""
        found: Maximum | None = (
            getattr(self, amount) if amount in LIMITED else self.amounts.get(amount)
        )
        return found
