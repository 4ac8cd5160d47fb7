"""One honest broker for the client to talk to: the HTTP contract on a real loopback port.

It negotiates by one rule (four cores at most), keeps sessions in memory, and lives them phase by
phase: each look at an accepted session after `looks_per_step` unchanged ones moves it on.
"""

import hashlib
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from execution_broker.domain import messages
from execution_broker.domain.lifecycle import SESSION_ENDS, session_may
from execution_broker.models.component import Metadata
from execution_broker.models.execution import ExecutionSession, OfferSetResponse
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import read_request
from execution_broker.models.update import EnumUpdate, Update
from tests.client.fake_answers import (
    full,
    held_until,
    in_phase,
    no,
    not_found,
    offer,
    problem,
    unauthenticated,
    wire,
)
from tests.client.fake_records import FakeRecords

__all__ = ["CORES", "LIFE", "Call", "FakeBroker", "no", "offer"]

CORES = 4
LIFE = (
    SessionPhase.PREPARING,
    SessionPhase.AVAILABLE,
    SessionPhase.RUNNING,
    SessionPhase.RELEASING,
    SessionPhase.COMPLETED,
)


@dataclass
class Call:
    """One call as it arrived."""

    method: str
    path: str
    at: float
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeBroker(FakeRecords):
    """What it knows and how it behaves. The attributes may be changed while it runs."""

    offersets: dict[str, OfferSetResponse] = field(default_factory=dict)
    life: tuple[SessionPhase, ...] = LIFE
    looks_per_step: int = 1
    busy: int = 0
    """How many of the next calls are answered with 503."""
    retry_after: int | None = None
    later: timedelta = timedelta()
    """How much later than at once its first offer starts."""
    early: timedelta = timedelta()
    """How long before its planned start that may start."""
    lapsing: datetime | None = None
    """Until then unanswered offers hold what could start at once, and answers say so."""
    refuses_meanwhile: bool = False
    """Until then the answer is a NO."""
    broken: int = 0
    """How many of the next answers break off in their middle, after what was asked was done."""
    bare_redirects: bool = False
    honours_keys: bool = False
    """Says in its description that it does, and does what a key stands for once."""
    has_etags: bool = True
    altered: dict[str, Any] = field(default_factory=dict)
    """Put over every session that is served, as another broker's peculiarities."""
    page: bytes | None = None
    """Answered to everything, as a web server does that is no broker."""
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    _looks: dict[str, int] = field(default_factory=dict)
    _done: dict[str, Response] = field(default_factory=dict)

    def app(self) -> Starlette:
        routes = [
            Route("/requests", self._request, methods=["POST"]),
            Route("/direct", self._direct, methods=["POST"]),
            Route("/offersets/{uuid}", self._offerset),
            Route("/sessions/{uuid}", self._session),
            Route("/sessions/{uuid}", self._update, methods=["POST"]),
            Route("/sessions/{uuid}/events", self.events),
            Route("/sessions/{uuid}/results", self.results),
            Route("/sessions/{uuid}/results/{path:path}", self.result),
            Route("/streams/{uuid}/{name}", self.stream),
            Route("/admin/identities", self.identity, methods=["POST"]),
            Route("/admin/identities", self.identities),
            Route("/admin/identities/{uuid}", self.change_identity, methods=["POST"]),
            Route("/identity", self.own_identity),
            Route("/identity/password", self.own_password, methods=["POST"]),
            Route("/identity/subscriptions", self.subscribe, methods=["POST"]),
            Route("/identity/subscriptions", self.list_subscriptions),
            Route("/identity/subscriptions/{uuid}", self.unsubscribe, methods=["DELETE"]),
            Route("/readyz", self._ready),
            Route("/openapi.json", self._description),
        ]
        return Starlette(
            routes=[Route(r.path, self._counted(r.endpoint), methods=_methods(r)) for r in routes]
        )

    def paths(self, method: str = "GET") -> list[str]:
        return [call.path for call in self.calls if call.method == method]

    def _counted(self, endpoint: Any) -> Any:
        async def call(request: Request) -> Response:
            body = await request.body()
            path, headers = request.url.path, dict(request.headers)
            self.calls.append(Call(request.method, path, time.monotonic(), headers, body))
            if self.page is not None:
                return Response(self.page, media_type="text/html")
            if self.busy:
                self.busy -= 1
                after = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
                return problem(503, "The database is being moved.", "Try again soon.", after)
            key = request.headers.get("idempotency-key") if self.honours_keys else None
            response: Response = self._done.get(key or "") or await endpoint(request)
            if key is not None:
                self._done[key] = response
            if self.broken:
                self.broken -= 1
                return StreamingResponse(_broken_off(), headers={"Content-Length": "1000"})
            return response

        return call

    async def _request(self, request: Request) -> Response:
        if self.caller(request) is None:
            return unauthenticated()
        reading = read_request(msgspec.json.decode(await request.body()))
        if reading.faults:
            faults = [msgspec.to_builtins(fault) for fault in reading.faults]
            return problem(422, "The body breaks the schema.", faults=faults)
        wanted = reading.request
        reasons = [
            messages.UNKNOWN_KIND(place=u.place, kind=u.kind, known=", ".join(u.known))
            for u in reading.unknown
        ]
        cores = wanted.compute.cores.min if wanted.compute and wanted.compute.cores else 1
        if cores and cores > CORES:
            reasons.append(
                messages.TOO_MUCH(
                    place="compute.cores.min",
                    wanted=cores,
                    units="cores",
                    resource="cores",
                    platform="local",
                    limit=CORES,
                    path="compute.cores.min",
                    from_=cores,
                    to=CORES,
                )
            )
        answer = no(*reasons) if reasons else self._offers(wanted.executable, cores or 1)
        assert answer.meta is not None
        self.offersets[str(answer.meta.uuid)] = answer
        return self._see_other(f"/offersets/{answer.meta.uuid}", answer)

    async def _direct(self, request: Request) -> Response:
        if self.caller(request) is None:
            return unauthenticated()
        reading = read_request(msgspec.json.decode(await request.body()))
        if reading.request.executable is None:
            message = messages.MISSING_PART(part="executable")
            failed = ExecutionSession(meta=Metadata(messages=(message,)), phase=SessionPhase.FAILED)
            return wire(failed, 400)
        session = offer(reading.request.executable, 1, 0, SessionPhase.ACCEPTED)
        uuid = self.keep(session)
        return self._see_other(f"/sessions/{uuid}", session)

    async def _offerset(self, request: Request) -> Response:
        found = self.offersets.get(request.path_params["uuid"])
        return wire(found) if found else not_found("offer set")

    async def _session(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if uuid not in self.sessions:
            return not_found("session")
        session = self._live(uuid)
        values = {**msgspec.to_builtins(session), **self.altered}
        tag = f'"{hashlib.sha256(msgspec.json.encode(values)).hexdigest()[:16]}"'
        headers = {"ETag": tag} if self.has_etags else {}
        if self.has_etags and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return JSONResponse(values, headers=headers)

    async def _update(self, request: Request) -> Response:
        if self.caller(request) is None:
            return unauthenticated()
        session = self.sessions.get(request.path_params["uuid"])
        if session is None:
            return not_found("session")
        update = msgspec.json.decode(await request.body(), type=Update)
        if not isinstance(update, EnumUpdate):
            return problem(409, "Only the phase can change.", "Possible: CANCELLED.")
        assert session.phase is not None
        phase = SessionPhase(update.value)
        if not session_may(session.phase, phase):
            return problem(
                409,
                f"The session is {session.phase} and cannot be {phase}.",
                "Possible: CANCELLED.",
            )
        self.keep(msgspec.structs.replace(session, phase=phase, expires=None))
        return wire(self.sessions[request.path_params["uuid"]])

    async def _description(self, _: Request) -> Response:
        key = {"name": "Idempotency-Key", "in": "header"}
        operation = {"parameters": [key] if self.honours_keys else []}
        return JSONResponse({"paths": {p: {"post": operation} for p in ("/requests", "/direct")}})

    async def _ready(self, _: Request) -> Response:
        return JSONResponse({"ready": True, "checks": []})

    def keep(self, session: ExecutionSession) -> str:
        assert session.meta is not None
        uuid = str(session.meta.uuid)
        self.sessions[uuid] = session
        return uuid

    def _offers(self, executable: Any, cores: int) -> OfferSetResponse:
        told = () if self.lapsing is None else held_until(self.lapsing)
        if told and self.refuses_meanwhile:
            return no(*told, full())
        later = (timedelta() if self.lapsing and not told else self.later) / timedelta(hours=1)
        hours = [later + hour for hour in range(2)]
        offers = tuple(
            offer(executable, cores, hour, SessionPhase.OFFERED, self.early) for hour in hours
        )
        for made in offers:
            self.keep(made)
        meta = Metadata(uuid=str(uuid4()), messages=told)
        return OfferSetResponse(meta=meta, result="YES", offers=offers)

    def _live(self, uuid: str) -> ExecutionSession:
        """Every `looks_per_step` looks an accepted session goes one phase further in its life."""
        session = self.sessions[uuid]
        path = (SessionPhase.ACCEPTED, *self.life)
        if session.phase in SESSION_ENDS or session.phase not in path[:-1]:
            return session
        looks = self._looks[uuid] = self._looks.get(uuid, 0) + 1
        if looks > self.looks_per_step:
            self._looks[uuid] = 1
            session = in_phase(session, path[path.index(session.phase) + 1])
            self.keep(session)
        return session

    def _see_other(self, place: str, answer: Any) -> Response:
        body = b"" if self.bare_redirects else msgspec.json.encode(answer)
        return Response(body, 303, {"Location": place}, media_type="application/json")


async def _broken_off() -> Any:
    yield b'{"half": '


def _methods(route: Route) -> list[str]:
    return sorted((route.methods or set()) - {"HEAD"})
