"""From a request to a demand: references resolved, defaults filled in, every fault named (N1, N9).

`request` is the way in; `window` reads the schedule, `sizes` the amounts, `bounds` the limits on
costs and metrics, `parts` what single components must have, `references` who is meant by a name.
"""

from execution_broker.domain.resolve.request import Defaults, Resolved, resolve

__all__ = ["Defaults", "Resolved", "resolve"]
