"""One trace from the request over the accept to the last step, through the front door."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from execution_broker.api.app import create_app
from execution_broker.domain.identity import Role
from execution_broker.domain.spans import Attribute
from execution_broker.tracing import OpenTelemetryTracer
from tests.harness.asking import request
from tests.harness.broker import Broker, broker, working
from tests.harness.serving import PHASE
from tests.harness.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{CLIENT}-01"}
USER = "ada-lovelace"


class Told:
    """A tracer that keeps what it tells here."""

    def __init__(self, ratio: float = 1.0) -> None:
        self.exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self.exporter)
        self.tracer = OpenTelemetryTracer("broker", ratio, processor, time.time_ns)

    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans() if span.name == name]


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.tracer.close()


@asynccontextmanager
async def front_door(directory: Path, told: Told) -> AsyncIterator[tuple[Broker, Any]]:
    async with broker(directory, told.tracer) as made:
        await made.services.identities.add(USER, "ada-password", Role.ADMINISTRATOR)
        log = structlog.get_logger()
        app = create_app(made.services, made.settings.http, log, tracer=told.tracer)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        auth = (USER, "ada-password")
        async with httpx.AsyncClient(
            transport=transport, base_url="http://broker.test", auth=auth
        ) as client:
            yield made, client


async def lived(made: Broker, client: Any, headers: dict[str, str], **wish: Any) -> str:
    """A session that was asked for, accepted and released; its uuid."""
    uuid = await accepted(client, headers, **wish)
    async with working(made):
        await made.ended(await made.caller(USER), uuid)
    return uuid


async def accepted(client: Any, headers: dict[str, str], **wish: Any) -> str:
    offered = await client.post("/requests", json=request(**wish), headers=headers)
    uuid: str = offered.json()["offers"][0]["meta"]["uuid"]
    accept = {**PHASE, "value": "ACCEPTED"}
    answer = await client.post(f"/sessions/{uuid}", json=accept, headers=headers)
    assert answer.status_code == 200, answer.text
    return uuid


async def test_one_trace_from_the_request_to_the_last_step(tmp_path: Path, told: Told) -> None:
    async with front_door(tmp_path, told) as (made, client):
        uuid = await lived(made, client, SAMPLED)
        done = "SELECT kind FROM step WHERE session_id IS NOT NULL AND phase = 'COMPLETED'"
        kinds = {kind for (kind,) in await made.rows(done)}
        ((attempt,),) = await made.rows("SELECT attempt FROM step WHERE key = 'start'")
    spans = told.spans()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    (asked,) = told.named("POST /requests")
    (chosen,) = told.named("POST /sessions/{uuid:uuid}")
    for span in (asked, chosen):
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == CLIENT
    steps = [span for span in spans if span.name.startswith("step ")]
    assert {span.name.removeprefix("step ") for span in steps} == {
        kind.rpartition(":")[2] for kind in kinds
    }
    assert {span.parent and span.parent.span_id for span in steps} == {chosen.context.span_id}
    (start,) = (s for s in told.named("step start") if _of(s)[Attribute.OUTCOME] == "completed")
    assert _of(start) == {
        Attribute.SESSION: uuid,
        Attribute.STEP_KIND: "start",
        Attribute.PLATFORM: "here",
        Attribute.ATTEMPT: attempt,
        Attribute.OUTCOME: "completed",
    }
    parts = [s for s in spans if s.parent and s.parent.span_id == start.context.span_id]
    assert [part.name for part in parts] == ["load", "act", "apply"]
    for part in parts:
        assert _times(start)[0] <= _times(part)[0] <= _times(part)[1] <= _times(start)[1]


async def test_spans_have_nothing_but_what_is_in_the_closed_list(
    tmp_path: Path, told: Told
) -> None:
    async with front_door(tmp_path, told) as (made, client):
        await lived(made, client, SAMPLED, script={"start": "fail"})
        await client.get(f"/identity?secret={USER}")
        await client.get(f"/{USER}")
        await client.request(USER.upper(), "/requests")
    spans = told.spans()
    assert {key for span in spans for key in _of(span)} <= {str(one) for one in Attribute}
    assert all(not span.events and not span.links for span in spans)
    assert all(span.status.description is None for span in spans)
    said = " ".join(f"{span.name} {dict(_of(span))}" for span in spans)
    assert USER not in said.lower()
    assert {"GET", "_OTHER /requests"} <= {span.name for span in spans}


async def test_a_step_that_looks_again_and_again_is_told_of_once(
    tmp_path: Path, told: Told
) -> None:
    async with front_door(tmp_path, told) as (made, client):
        uuid = await accepted(client, SAMPLED, script={"run": "forever"})
        ada = await made.caller(USER)

        async def looked_often() -> bool:
            ((delays,),) = await made.rows(
                "SELECT max(delays) FROM step WHERE session_id IS NOT NULL"
            )
            return bool(delays > 2)

        async with working(made):
            await until(looked_often)
            await made.set_phase(ada, uuid, "CANCELLED")
            await made.ended(ada, uuid)
    again = [s.name for s in told.spans() if _of(s).get(Attribute.OUTCOME) == "put-back"]
    assert again.count("step watch") == 1
    assert len(again) == len(set(again)), "each is told of at its first look alone"


@pytest.mark.parametrize(
    "given",
    [
        f"00-{TRACE}-{CLIENT}",
        f"ff-{TRACE}-{CLIENT}-01",
        f"00-{'0' * 32}-{CLIENT}-01",
        "x" * 5000,
        "00-\u00e4".encode().decode("latin-1"),
    ],
)
async def test_what_is_no_context_begins_a_trace_of_its_own(
    tmp_path: Path, told: Told, given: str
) -> None:
    async with front_door(tmp_path, told) as (_, client):
        answer = await client.get("/healthz", headers={"traceparent": given.encode("latin-1")})
        assert answer.status_code == 200
    (span,) = told.spans()
    assert span.parent is None


async def test_what_nobody_samples_leaves_no_context(tmp_path: Path) -> None:
    told = Told(ratio=0)
    async with front_door(tmp_path, told) as (made, client):
        await lived(made, client, {})
        await lived(made, client, {"traceparent": f"00-{TRACE}-{CLIENT}-00"})
        assert {trace for (trace,) in await made.rows("SELECT trace FROM session")} == {None}
    assert told.spans() == []
    told.tracer.close()


async def test_a_direct_session_is_traced_as_well(tmp_path: Path, told: Told) -> None:
    async with front_door(tmp_path, told) as (made, client):
        headers = {**SAMPLED, "Idempotency-Key": str(uuid4())}
        answer = await client.post("/direct", json=request(), headers=headers)
        uuid = answer.json()["meta"]["uuid"]
        async with working(made):
            await made.ended(await made.caller(USER), uuid)
    (finish,) = told.named("step finish")
    assert f"{finish.context.trace_id:032x}" == TRACE


def _of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def _times(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time
