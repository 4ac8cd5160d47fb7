"""What is told of the fake broker's sessions beside themselves: results, streams, events."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from execution_broker.models.execution import ExecutionSession
from execution_broker.models.extensions import ResultFile, ResultList
from tests.client.fake_accounts import FakeAccounts
from tests.client.fake_answers import not_found, unauthenticated, wire


@dataclass
class FakeRecords(FakeAccounts):
    """The sessions there are, and what is kept of all of them alike."""

    sessions: dict[str, ExecutionSession] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict)
    streams: dict[str, bytes] = field(default_factory=dict)
    dropped: int = 0
    """How many bytes of a stream are not kept, after its first MiB."""
    damaged: set[str] = field(default_factory=set)
    """Results whose bytes are not those of their digest."""
    collecting: int = 0
    """How often results are still being collected when they are asked for."""
    has_events: bool = False
    """Then each change of a session is an event; every event stream breaks off after three."""

    async def results(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if uuid not in self.sessions:
            return not_found("session")
        if self.collecting:
            self.collecting -= 1
            return wire(ResultList(state="COLLECTING"), 202)
        return wire(
            ResultList(
                results=tuple(
                    ResultFile(
                        path=path,
                        size=len(content),
                        sha256=hashlib.sha256(content).hexdigest(),
                        url=f"/sessions/{uuid}/results/{quote(path)}",
                    )
                    for path, content in self.outputs.items()
                )
            )
        )

    async def result(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path not in self.outputs:
            return not_found("result")
        content = self.outputs[path]
        if path in self.damaged:
            content = b"!" * len(content)
        return Response(content, media_type="application/octet-stream")

    async def stream(self, request: Request) -> Response:
        if self.caller(request) is None:
            return unauthenticated()
        whole = self.streams.get(request.path_params["name"], b"")
        head = 1 << 20
        kept = whole[:head] + whole[head + self.dropped :] if self.dropped else whole
        return Response(kept, headers={"X-Total-Length": str(len(whole))})

    async def events(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if not self.has_events or uuid not in self.sessions:
            return not_found("event")

        async def some() -> Any:
            for number in range(3):
                yield f"id: {number}\nevent: phase\ndata: {{}}\n\n".encode()

        return StreamingResponse(some(), media_type="text/event-stream")
