"""Bearer tokens of OIDC issuers: whose they are, checked with keys that the issuer publishes."""

from execution_broker.services.oidc.bearers import Bearers, Claimed
from execution_broker.services.oidc.rules import ALGORITHMS, Issuer, Timing

__all__ = ["ALGORITHMS", "Bearers", "Claimed", "Issuer", "Timing"]
