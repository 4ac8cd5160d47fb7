"""The closed list of what traces tell. No name that somebody chose is in it but the platforms',
which the operator did, and no address, message or secret."""

from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from execution_broker.domain.plan import StepKind


class Attribute(StrEnum):
    """Every attribute that a span can have."""

    SESSION = "broker.session"
    STEP_KIND = "broker.step.kind"
    PLATFORM = "broker.platform"
    ATTEMPT = "broker.step.attempt"
    OUTCOME = "broker.step.outcome"
    METHOD = "http.request.method"
    ROUTE = "http.route"
    STATUS = "http.response.status_code"


class Part(StrEnum):
    """What one attempt of a step consists of (S1)."""

    LOAD = "load"
    ACT = "act"
    APPLY = "apply"


class Outcome(StrEnum):
    """How one attempt of a step ended. ERROR: it raised, and failed or is tried again;
    INTERRUPTED: the worker stopped, or it lost the lease or the database."""

    COMPLETED = "completed"
    PUT_BACK = "put-back"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ERROR = "error"
    INTERRUPTED = "interrupted"


class Attempt(NamedTuple):
    """One attempt of a step. `origin`: the trace context that was stored at the accept."""

    origin: str
    session: UUID
    kind: StepKind
    platform: str
    number: int


class RequestSpan(Protocol):
    """The span of a request that is being answered."""

    def answered(self, route: str | None, session: UUID | None, status: int) -> None:
        """`route` is a pattern, never what the client wrote."""
        ...


class StepSpan(Protocol):
    """The span of an attempt. It is told of only if it is ended."""

    def part(self, part: Part) -> AbstractContextManager[None]: ...

    def end(self, outcome: Outcome) -> None: ...


class Tracer(Protocol):
    """Tells of requests and steps. Nothing here waits for whoever is told, and nothing raises."""

    @property
    def is_tracing(self) -> bool: ...

    def request(self, method: str, given: str | None) -> AbstractContextManager[RequestSpan]:
        """A request; `given` is its `traceparent` (W3C), which is continued if it is valid."""
        ...

    def current(self) -> str | None:
        """The context of the request at hand as a `traceparent`; None if nobody is told of it."""
        ...

    def step(self, attempt: Attempt) -> StepSpan: ...

    def close(self) -> None:
        """Tell what is still to be told, for a few seconds at most. Blocks; call it once."""
        ...


class NoSpan:
    """Tells nothing."""

    def answered(self, route: str | None, session: UUID | None, status: int) -> None:
        return None

    def part(self, part: Part) -> AbstractContextManager[None]:
        return _NOTHING

    def end(self, outcome: Outcome) -> None:
        return None


NO_SPAN: Final = NoSpan()
_NOTHING: Final = nullcontext()
_NO_REQUEST: Final = nullcontext(NO_SPAN)


class NoTracer:
    """Tells nothing."""

    is_tracing: Final = False

    def request(self, method: str, given: str | None) -> AbstractContextManager[RequestSpan]:
        return _NO_REQUEST

    def current(self) -> str | None:
        return None

    def step(self, attempt: Attempt) -> StepSpan:
        return NO_SPAN

    def close(self) -> None:
        return None
