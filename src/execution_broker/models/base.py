"""What every wire object shares."""

from typing import Annotated

import msgspec

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer of the wire: bounded to 64 bits, so that no number can break a database."""


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plain object of the wire. Values equal to their default are absent when written."""
