"""An offer as the rules see it: where, when, how much, at what cost."""

import msgspec

from execution_broker.domain.amounts import Stretch
from execution_broker.domain.plan import Plan
from execution_broker.models.component import Cost, Metric
from execution_broker.models.message import Message


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised. Stored with the session; times in whole epoch seconds.

    The session starts somewhere in [start, latest] (both may be promised) and runs for `duration`
    seconds. `start == latest` is a fixed start. When all is ready and there is room, it may start
    up to `early` seconds before `start`: what it books moves then, `advanced` seconds in all.
    `prepare` and `release` are the seconds before the start and after the end. `storage` in GiB, by
    index; `outputs` in MiB, kept `retention` seconds. `amounts`: what there is beside cores, memory
    and storage, by name. `is_alternative`: they are not those of the first offer of an answer, and
    what they hold until they are accepted counts against the share of alternatives, too.
    `added` and `metrics`, by component key: the costs that changes of these terms have added to
    those of the offer, and the metrics since; both empty while nothing was changed.
    """

    start: int
    latest: int
    duration: int
    prepare: int
    release: int
    compute_prepare: int
    compute_release: int
    cores: int
    memory: int
    storage: tuple[int, ...] = ()
    outputs: int = 0
    retention: int = 0
    added: dict[str, tuple[Cost, ...]] = {}
    metrics: dict[str, tuple[Metric, ...]] = {}
    amounts: dict[str, int] = {}
    is_alternative: bool = False
    early: int = 0
    advanced: int = 0

    @property
    def earliest(self) -> int:
        """The first instant at which the session may start."""
        return self.start - self.early


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """`expires` in whole epoch seconds.

    `needs`: what the terms book in all. Costs and metrics by component key; `session` has the sums.
    `room`: how much there could be instead (`domain.growing`), when this was found.
    """

    platform: str
    terms: Terms
    expires: int
    needs: tuple[Stretch, ...]
    costs: dict[str, tuple[Cost, ...]]
    metrics: dict[str, tuple[Metric, ...]]
    messages: tuple[Message, ...] = ()
    room: dict[str, int] = {}


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """A start that only unanswered offers hold, in epoch seconds: the answers with the keys `own`,
    which whoever asked may reject at once, and those of others where it is held `by_others`: then
    the start is the first one that there is at `until`, when enough of them have lapsed."""

    platform: str
    start: int
    until: int
    own: frozenset[int]
    by_others: bool


class Yes(msgspec.Struct, frozen=True):
    """One to four offers, best first, and the plan of each platform they are on. `awaited`: before
    the first of them. `messages` are about all of them together."""

    offers: tuple[Offer, ...]
    plans: dict[str, Plan]
    awaited: Awaited | None = None
    messages: tuple[Message, ...] = ()


class No(msgspec.Struct, frozen=True):
    """Why not, and for each fault what would make it a YES. `awaited`: what would be a YES without
    the unanswered offers, once the other faults are gone."""

    messages: tuple[Message, ...]
    awaited: Awaited | None = None


Verdict = Yes | No
