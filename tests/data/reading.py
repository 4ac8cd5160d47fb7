"""Short ways to read, for the tests of the http transfer."""

import socket
from collections.abc import Sequence

import pytest

from execution_broker.domain.errors import OutsideError
from execution_broker.ports.data import Source, Transfer

LOOPBACK = "127.0.0.1/32"


def source_of(location: str) -> Source:
    return Source(location=location, name="data")


async def read(transfer: Transfer, location: str) -> bytes:
    items = [item async for item in transfer.read(source_of(location))]
    return b"".join(item for item in items if isinstance(item, bytes))


async def failure(transfer: Transfer, location: str) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await read(transfer, location)
    return caught.value


class Names:
    """A name server of our own. It remembers what it was asked."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, f"unknown name at {port}")
        return self.answers[host]
