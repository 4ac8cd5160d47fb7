"""What is written in one go is sent in one go, in order, and nothing is held back for long."""

import asyncio
from typing import Any

from execution_broker.cli.joining import Joined


class Sent(asyncio.Transport):
    """Notes what is sent, by the pieces it is sent in."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.pieces: list[bytes] = []
        self.is_closed = False

    def writelines(self, parts: Any) -> None:
        self.pieces.append(b"".join(parts))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


async def test_the_head_goes_with_the_body() -> None:
    sent = Sent()
    joined = Joined(sent, asyncio.get_running_loop())
    joined.write(b"head ")
    joined.write(b"body")
    assert sent.pieces == []
    await asyncio.sleep(0)
    assert sent.pieces == [b"head body"]
    joined.write(b"more")
    await asyncio.sleep(0)
    assert sent.pieces == [b"head body", b"more"]
    assert joined.get_extra_info("peername") == ("127.0.0.1", 1)


async def test_much_is_sent_at_once_and_a_close_loses_nothing() -> None:
    sent = Sent()
    joined = Joined(sent, asyncio.get_running_loop())
    joined.write(b"x" * 100_000)
    assert [len(piece) for piece in sent.pieces] == [100_000], (
        "the transport says if it is too much"
    )
    joined.write(b"the end")
    joined.close()
    assert sent.is_closed
    assert sent.pieces[1:] == [b"the end"]
    joined.write(b"too late")
    await asyncio.sleep(0)
    assert len(sent.pieces) == 2, "nobody is there to read it"
