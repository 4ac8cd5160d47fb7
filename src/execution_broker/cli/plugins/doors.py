"""What a plugin may be, in the words of the command line."""

from enum import Enum


class Door(Enum):
    """The three open doors."""

    PLATFORM = "platform"
    DATA_KIND = "data-kind"
    TRANSFER = "transfer"
