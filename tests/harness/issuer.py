"""An issuer on a loopback port: what it publishes, and every way in which one can misbehave."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class FakeIssuer:
    """`keys` by kid are published; the attributes may be changed while it runs."""

    url: str = ""
    keys: dict[str, RSAKey | ECKey] = field(default_factory=dict)
    extra: list[Any] = field(default_factory=list)
    """Published beside the keys, as they are."""
    about: dict[str, Any] = field(default_factory=dict)
    """Put over the discovery document."""
    status: int = 200
    page: bytes | None = None
    """Answered to everything instead."""
    asked: list[str] = field(default_factory=list)
    stuck: threading.Event | None = None
    """Answers come once this is set."""

    def add_key(self, kid: str, key: RSAKey | ECKey | None = None) -> RSAKey | ECKey:
        self.keys[kid] = key or RSAKey.generate_key(2048)
        return self.keys[kid]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token; a change to None takes a claim away."""
        now = int(time.time())
        good = {"iss": self.url, "sub": "ada", "aud": "urn:eb", "iat": now, "exp": now + 600}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, kid: str, alg: str = "RS256", /, **changes: Any) -> str:
        """A token signed with a key of this issuer."""
        return sign(self.keys[kid], {"alg": alg, "kid": kid}, self.claims(**changes))

    def answer(self, path: str) -> bytes:
        if path == DISCOVERY:
            about = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
            return json.dumps({**about, **self.about}).encode()
        public = [
            {**key.as_dict(private=False), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]
        return json.dumps({"keys": [*self.extra, *public]}).encode()


def sign(key: Any, header: dict[str, Any], claims: dict[str, Any]) -> str:
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(claims), key, registry=registry)


@contextmanager
def issuing() -> Iterator[FakeIssuer]:
    """An issuer with one key, `first`, until the end of the block."""
    issuer = FakeIssuer()
    issuer.add_key("first")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            if issuer.stuck is not None:
                issuer.stuck.wait(30)
            body = issuer.answer(self.path) if issuer.page is None else issuer.page
            self.send_response(issuer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Location", f"{issuer.url}{DISCOVERY}")
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:
                return

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        if issuer.stuck is not None:
            issuer.stuck.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
