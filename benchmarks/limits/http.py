"""A bare HTTP server on the stack that the API uses: it sends the same bytes to whoever asks."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]


def app(
    body: bytes,
) -> Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def answer(
        _: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def serve(size: int) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            app(b"x" * size), port=0, access_log=False, log_level="error", lifespan="off"
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    sys.stderr.write(f"listening on http://127.0.0.1:{port}\n")
    sys.stderr.flush()
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1])))
