"""What a route says of itself, and answers that several share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from execution_broker.api.conditions import KEY
from execution_broker.api.handlers import Handler
from execution_broker.api.identity import Access
from execution_broker.domain.paging import MOST, Page
from execution_broker.formats import Format
from execution_broker.models.extensions import Problem


@dataclass(frozen=True, slots=True)
class Link:
    """Where an answer leads: an operation, and what is sent to it.

    Values are runtime expressions of OpenAPI, which point into the request and its answer.
    """

    operation_id: str
    description: str
    parameters: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a route. `body` is a wire type, or the media type of what are only bytes.

    `headers` says what each header that belongs to this answer means, `links` where one may go
    from here, by name.
    """

    description: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be said beside the path and the body. `schema` is that of JSON Schema."""

    place: Literal["header", "query"]
    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`path` with Starlette's convertors; `body` is the wire type of what is sent, if any, and
    `content` the media type of what is sent and only bytes.

    `answers` lists what belongs to the meaning of the route. What every route may answer (a
    problem document for a body, an Accept header or credentials that do not hold) is not in it.
    `also`: formats of the answer beside those that all have.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    access: Access
    operation_id: str
    summary: str
    answers: Mapping[int, Answer]
    body: Any = None
    content: str | None = None
    parameters: tuple[Parameter, ...] = ()
    also: tuple[Format, ...] = ()

    @property
    def is_negotiated(self) -> bool:
        """Whether the client chooses the format of the answer."""
        return not any(isinstance(answer.body, str) for answer in self.answers.values())


LOCATION: Final = {"Location": "Where it is from now on, without scheme and host."}
ETAG: Final = {"ETag": "Changes with the content; send it in If-None-Match or If-Match."}
UNCHANGED: Final = Answer("Unchanged since the ETag in If-None-Match.", headers=ETAG)
ONLY_ADMINISTRATOR: Final = Answer("Only the administrator may.", Problem)
BAD_PARAMETER: Final = Answer("A parameter or a header cannot be read.", Problem)
NO_SESSION: Final = Answer("There is no such session.", Problem)
NOT_OWNER: Final = Answer("The session belongs to somebody else.", Problem)
NO_RANGE: Final = Answer(
    "The range lies beyond the end.", Problem, {"Content-Range": "How many bytes there are."}
)
TOO_MANY: Final = Answer(
    "This identity asks too much or holds too much.", Problem, {"Retry-After": "Seconds to wait."}
)
CROWDED: Final[Mapping[int, Answer]] = {
    HTTPStatus.TOO_MANY_REQUESTS: TOO_MANY,
    HTTPStatus.SERVICE_UNAVAILABLE: Answer(
        "Too many wait for a change.", Problem, {"Retry-After": "Seconds to wait."}
    ),
}
"""What is answered where so many wait that nobody else can."""
BINARY: Final = "application/octet-stream"

PREFER: Final = Parameter(
    "header", "Prefer", "`wait=n`: answer at the next change, or after n seconds (60 at most)."
)
RANGE: Final = Parameter("header", "Range", "The bytes that are wanted of it.")
OFFSET: Final = Parameter(
    "query",
    "offset",
    "Where to begin in all that was written: who follows asks from where the last answer ended.",
    {"type": "integer", "minimum": 0, "default": 0},
)
IF_NONE_MATCH: Final = Parameter(
    "header", "If-None-Match", "ETags of what is known: then nothing is sent again."
)
IF_MATCH: Final = Parameter(
    "header",
    "If-Match",
    "ETags: nothing is changed unless phase, promise, name and description are those of one.",
)
IDEMPOTENCY_KEY: Final = Parameter(
    "header",
    KEY,
    "Chosen by the client, one for each thing it wants done: sent again with the same body, the "
    "request is answered as the first time and nothing is done twice.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
)

LIMIT: Final = Parameter(
    "query",
    "limit",
    "How many there may be on a page; more are cut to the most there are.",
    {"type": "integer", "minimum": 1, "default": Page().limit, "maximum": MOST},
)
CURSOR: Final = Parameter(
    "query", "cursor", "Where to go on; it comes with `next`.", {"type": "string", "format": "uuid"}
)
SINCE: Final = Parameter(
    "query", "since", "Made then or later.", {"type": "string", "format": "date-time"}
)
UNTIL: Final = Parameter(
    "query", "until", "Made before that.", {"type": "string", "format": "date-time"}
)
LINK: Final = {"Link": "The next page, as rel=next."}
