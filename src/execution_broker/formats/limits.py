"""What every text is held to, whatever its format."""

from typing import Any, Final

DEPTH: Final = 64
"""How deep lists and objects may nest."""


def strip_nulls(value: Any) -> None:
    """Take away, in place, every property that is null: null means absent.

    A null in a list stays, so that a fault can name its place.
    """
    if isinstance(value, dict):
        for key in [key for key, part in value.items() if part is None]:
            del value[key]
        value = value.values()
    elif not isinstance(value, list):
        return
    for part in value:
        strip_nulls(part)
