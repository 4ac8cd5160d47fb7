"""What no type can say of the sections, checked."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from execution_broker.config.sections import Http, Notices, Pool, Sealing, Worker
from execution_broker.domain.errors import ConfigurationError
from execution_broker.domain.plan import StepKind
from execution_broker.ports.addresses import Permissions
from execution_broker.sealing import read_keys


def check_http(section: Http) -> None:
    """ConfigurationError for a proxy that is no address: nobody would ever be taken for it."""
    for one in section.trusted_proxies:
        try:
            ip_network(one)
        except ValueError:
            if one != "*":
                raise ConfigurationError(
                    f"http.trusted_proxies: {one} is neither an address nor a network.",
                    "Write 192.0.2.1 or 192.0.2.0/24; * trusts everybody.",
                ) from None


def check_worker(section: Worker) -> None:
    """ConfigurationError for a renewal that comes too late, or a kind of step that is not there or
    in two pools."""
    if section.renewal * 2 >= section.lease:
        raise ConfigurationError(
            f"worker.renewal is {section.renewal} s, too long for a lease of {section.lease} s.",
            "Make it less than half of worker.lease.",
        )
    check_kinds("worker.kinds", section.kinds)
    _check_pools(section.pools)


def check_notices(section: Notices) -> None:
    """ConfigurationError for an entry that allows nothing."""
    try:
        Permissions(section.allow)
    except ValueError as error:
        raise ConfigurationError(
            f"notices.allow: {error}.", "Write 192.0.2.0/24, or the name of a host."
        ) from None


def check_sealing(section: Sealing) -> None:
    """ConfigurationError for keys that are none."""
    if section.keys is None:
        return
    try:
        read_keys(section.keys)
    except ValueError as error:
        raise ConfigurationError(
            f"sealing.keys: {error}.",
            'Make one with: echo "NAME:$(openssl rand -base64 32)"',
        ) from None


def check_kinds(place: str, words: Sequence[str]) -> None:
    """ConfigurationError for a word that is no kind of step."""
    known = {kind.word for kind in StepKind}
    for word in words:
        if word not in known:
            raise ConfigurationError(
                f"{place}: {word} is no kind of step.", f"Known are: {', '.join(sorted(known))}."
            )


def _check_pools(pools: Mapping[str, Pool]) -> None:
    taken: dict[str, str] = {}
    for name, pool in pools.items():
        check_kinds(f"worker.pools.{name}.kinds", pool.kinds)
        for word in pool.kinds:
            if taken.setdefault(word, name) != name:
                raise ConfigurationError(
                    f"worker.pools.{name}.kinds: {word} is taken by the pool {taken[word]}.",
                    "Name it in one pool.",
                )
