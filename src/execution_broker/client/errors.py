"""What can go wrong between a client and a broker, each with a sentence and a next action."""

from execution_broker.domain.errors import BrokerError
from execution_broker.models.extensions import Problem


class BadAddress(BrokerError):
    """The address of the broker is not one that can be asked."""

    code = "bad-address"


class Unreachable(BrokerError):
    """No broker answered, and nothing was changed: it may be tried again at any time."""

    code = "unreachable"


class Unanswered(BrokerError):
    """A change was sent and its answer was lost: whether it was made is not known."""

    code = "unanswered"


class BrokerRefused(BrokerError):
    """The broker answered with an error.

    `problem` is its RFC 9457 document (made up from the status where it sent none).
    `retry_after` in seconds, where the broker said when to come back.
    """

    code = "refused"

    def __init__(self, problem: Problem, retry_after: int | None = None) -> None:
        sentence = problem.detail or problem.title or f"The broker answered {problem.status}."
        super().__init__(sentence, problem.remedy or _remedy(problem.status, retry_after))
        self.problem = problem
        self.retry_after = retry_after


class UnexpectedReply(BrokerError):
    """The broker answered something that is not of this interface. The sentence names the place."""

    code = "unexpected-reply"


class ContentMismatch(BrokerError):
    """A result that was fetched is not what the broker said it is; nothing was kept of it."""

    code = "content-mismatch"


class TargetTaken(BrokerError):
    """Other content is where a result was to be put; it was left as it is."""

    code = "target-taken"


class UnusableFile(BrokerError):
    """A file that a request names cannot be read here, or is too large to be sent."""

    code = "unusable-file"


class Unwritable(BrokerError):
    """A result cannot be written where it was to be put."""

    code = "unwritable"


def _remedy(status: int, retry_after: int | None) -> str:
    if retry_after is not None:
        return f"Try again in {retry_after} s."
    match status:
        case 401:
            return "Give a user name and a password that this broker knows."
        case 403:
            return "Ask its owner or the administrator of the broker."
        case 404:
            return "Check the UUID; what has ended is deleted after a while."
        case 429 | 502 | 503 | 504:
            return "Try again in a few seconds."
        case _:
            return ""
