"""What makes a request repeatable: the client's key, and what it stood for the first time."""

from typing import NamedTuple


class Once(NamedTuple):
    """`key`: chosen by the client, one for each thing it wants done. `digest`: of what it sent."""

    key: str
    digest: str
