"""The closed list of what is counted and timed. Every label has few values: none is a name that
somebody chose but the platforms', which the operator did."""

from enum import Enum
from typing import Protocol


class Measure(Enum):
    """What is measured: its name, what it means, and its labels. Times are in seconds; what there
    is now of something is counted up and down."""

    STEPS_ENDED = ("steps_ended", "Steps that have ended, by end phase.", ("kind", "phase"))
    STEPS_PUT_BACK = ("steps_put_back", "Steps that were put back to look again.", ("kind",))
    STEP_FAILURES = ("step_failures", "Acts that failed and are tried again.", ("kind",))
    ACTS_CUT_OFF = ("acts_cut_off", "Acts that took longer than they may.", ("kind",))
    CLAIM_LATENCY = ("claim_latency", "From when a step was due until it was claimed.", ("kind",))
    LEASES_LOST = ("leases_lost", "Leases that this process lost while it acted.", ())
    STALE_APPLIES = ("stale_applies", "Results that came after the lease was lost.", ("kind",))
    RETRIES = ("transaction_retries", "Transactions that ran again after a deadlock.", ())
    PROMISES_BROKEN = ("promises_broken", "Sessions that started later than promised.", ())
    OFFERS = ("offers", "Offers made, accepted, rejected, expired.", ("outcome",))
    REFUSALS = ("refusals", "Answers NO, by each reason that was given.", ("reason",))
    CONNECTIONS = ("connections", "Connections of clients that are open.", ())
    CONNECTIONS_CLOSED = (
        "connections_closed",
        "Connections that were closed for another one, or because their client was slow.",
        ("why",),
    )
    WAITS = ("waits", "Clients that wait for a change, or follow events.", ())
    TOO_MANY = ("too_many", "What was refused as there was too much of it.", ("what", "bound"))

    def __init__(self, word: str, meaning: str, labels: tuple[str, ...]) -> None:
        self.word = word
        self.meaning = meaning
        self.labels = labels


class Meter(Protocol):
    """Keeps what is measured. Called from several threads."""

    def measure(self, what: Measure, value: float, *labels: str) -> None:
        """Add to a count, which may become less where it is of what there is now; or note a time.
        One label for each that the measure has."""
        ...


class NoMeter:
    """Keeps nothing."""

    def measure(self, what: Measure, value: float, *labels: str) -> None:
        return None
