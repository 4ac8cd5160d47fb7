"""Exit codes: what a script can tell from how a command ended."""

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    NO = 4
    GONE = 5
    NOT_FOUND = 6
    NOT_ALLOWED = 7
    REFUSED = 8
    UNREACHABLE = 9
    NOT_UNDERSTOOD = 10
    DOWNLOAD = 11
    LATER = 12
    CUT_OFF = 13
    INTERRUPTED = 130


MEANINGS: Final = {
    Exit.DONE: "it worked: there are offers, or the session COMPLETED",
    Exit.FAILED: "the session FAILED, or a check found a fault",
    Exit.USAGE: "the command, the request file or the configuration is wrong",
    Exit.CANCELLED: "the session was CANCELLED",
    Exit.NO: "the answer is NO: the request cannot be met as it is",
    Exit.GONE: "the offer was REJECTED or has EXPIRED",
    Exit.NOT_FOUND: "there is no such session or result",
    Exit.NOT_ALLOWED: "no identity, a wrong password, or not yours",
    Exit.REFUSED: "the broker refused, for example because of the phase",
    Exit.UNREACHABLE: "no broker answers, or it is busy: try again",
    Exit.NOT_UNDERSTOOD: "the answer is not that of an Execution Broker",
    Exit.DOWNLOAD: "a result could not be kept: wrong content, or no room for it",
    Exit.LATER: "the first offer starts later than it may: nothing was accepted",
    Exit.CUT_OFF: "the session FAILED, as it was stopped at the end of its time",
    Exit.INTERRUPTED: "interrupted from the keyboard; the session goes on",
}
