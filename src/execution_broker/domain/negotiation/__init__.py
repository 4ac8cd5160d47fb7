"""Answers a demand: a YES with offers, or a NO that says what would make it a YES (N5 - N9).

`verdict` is the way in. An `inquiry` has what follows from the demand alone. For each site,
`fitting` judges kinds and limits, `bounds` costs and metrics, `placing` the calendar; what is
refused is relaxed and judged on, so that one NO names everything. `refusing` finds what would help
where there is no room, `agreeing` makes one NO of what all sites say, `choosing` picks the offers.
"""

from execution_broker.domain.negotiation.site import Hold, Rules, Site, Unanswered
from execution_broker.domain.negotiation.verdict import negotiate

__all__ = ["Hold", "Rules", "Site", "Unanswered", "negotiate"]
