"""Objects of our own beside the standard: accounts, results, problem documents."""

from execution_broker.models.base import Wire


class AccountRequest(Wire, frozen=True):
    username: str
    password: str


class Account(Wire, frozen=True):
    uuid: str
    username: str


class ResultFile(Wire, frozen=True):
    """One kept output. `size` in bytes; `url` is relative to the service."""

    path: str
    size: int
    sha256: str
    url: str


class ResultList(Wire, frozen=True):
    results: tuple[ResultFile, ...] = ()


class Problem(Wire, frozen=True):
    """An RFC 9457 problem document. `remedy` says what to do; `faults` names each place."""

    type: str
    title: str
    status: int
    detail: str | None = None
    remedy: str | None = None
    faults: tuple["Fault", ...] = ()


class Fault(Wire, frozen=True):
    """`place` is a JSON path in the body, like `$.compute.cores.min`."""

    place: str
    fault: str
