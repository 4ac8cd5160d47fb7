"""A collector of traces on a loopback port: OTLP over HTTP, as protobuf."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class FakeCollector:
    """What it was sent: paths, tokens, bodies. `status` may be changed while it runs."""

    url: str = ""
    status: int = 200
    stuck: threading.Event | None = None
    """Answers come once this is set."""
    paths: set[str] = field(default_factory=set)
    authorizations: set[str | None] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)

    def services(self) -> set[str]:
        return {
            attribute.value.string_value
            for body in list(self.bodies)
            for part in ExportTraceServiceRequest.FromString(body).resource_spans
            for attribute in part.resource.attributes
            if attribute.key == "service.name"
        }

    def spans(self) -> list[Span]:
        return [
            span
            for body in list(self.bodies)
            for part in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[FakeCollector]:
    collector = FakeCollector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.paths.add(self.path)
            collector.authorizations.add(self.headers["authorization"])
            if collector.stuck is not None:
                collector.stuck.wait(60)
            if collector.status == 200:
                collector.bodies.append(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        if collector.stuck is not None:
            collector.stuck.set()
        server.shutdown()
        server.server_close()
        serving.join(10)
