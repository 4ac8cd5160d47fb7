"""What is sent again, what never is, and whom credentials are shown to."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from execution_broker.client import BrokerClient, BrokerRefused, Unanswered, UnexpectedReply
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.phases import SessionPhase
from execution_broker.models.update import DeltaUpdate, IntegerUpdate
from tests.client.fake_broker import FakeBroker, offer

REQUEST = ExecutionRequest(executable=JupyterNotebook(location="https://example.org/fit.ipynb"))


def test_every_request_has_a_key_of_its_own(broker: FakeBroker, client: BrokerClient) -> None:
    client.request(REQUEST)
    client.direct(REQUEST)
    client.request(REQUEST, key="mine")
    keys = [call.headers["idempotency-key"] for call in broker.calls]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


@pytest.mark.parametrize("ask", ["request", "direct"])
def test_a_lost_answer_is_asked_for_again_where_keys_are_honoured(
    broker: FakeBroker, client: BrokerClient, ask: str
) -> None:
    broker.honours_keys, broker.broken = True, 1
    assert getattr(client, ask)(REQUEST).meta is not None
    sent = [call for call in broker.calls if call.method == "POST"]
    assert len(sent) == 2
    assert len({call.headers["idempotency-key"] for call in sent}) == 1
    assert len(broker.sessions) == (2 if ask == "request" else 1), "it was done once"


@pytest.mark.parametrize("ask", ["request", "direct"])
def test_a_lost_answer_is_not_asked_for_again_where_it_might_be_done_twice(
    broker: FakeBroker, client: BrokerClient, ask: str
) -> None:
    broker.broken = 1
    with pytest.raises(Unanswered, match="not known"):
        getattr(client, ask)(REQUEST)
    assert len(broker.paths("POST")) == 1


@pytest.mark.parametrize("move", ["accept", "reject", "cancel"])
def test_a_move_whose_answer_is_lost_is_made_once(
    broker: FakeBroker, client: BrokerClient, move: str
) -> None:
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.OFFERED))
    broker.broken = 1
    moved = getattr(client, move)(uuid)
    assert moved.phase is broker.sessions[uuid].phase


def test_what_is_relative_is_not_sent_again(broker: FakeBroker, client: BrokerClient) -> None:
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.OFFERED))
    broker.broken = 1
    with pytest.raises(Unanswered):
        client.update(uuid, DeltaUpdate(path="compute/cores", delta=1))
    assert len(broker.paths("POST")) == 1
    broker.broken = 1
    with pytest.raises(BrokerRefused):
        client.update(uuid, IntegerUpdate(path="compute/cores", value=2))
    assert len(broker.paths("POST")) == 3
    with pytest.raises(BrokerRefused):
        client.update(uuid, DeltaUpdate(path="compute/cores", delta=1), if_match='"seen"')
    assert broker.calls[-1].headers["if-match"] == '"seen"'


def test_what_was_not_done_is_sent_again(
    broker: FakeBroker, client: BrokerClient, sleeps: list[float]
) -> None:
    broker.busy, broker.retry_after = 2, 3
    assert client.request(REQUEST).result == "YES"
    assert sleeps == [3, 3]
    broker.busy, broker.retry_after = 1, 300
    with pytest.raises(BrokerRefused) as refused:
        client.request(REQUEST)
    assert refused.value.retry_after == 300
    assert len(sleeps) == 2


def test_a_token_is_renewed_when_it_is_refused(broker: FakeBroker) -> None:
    fresh = iter(["old", "new", "newer"])
    broker.tokens = {"old": "ada"}
    with BrokerClient(broker.url, token=lambda: next(fresh)) as client:
        assert client.request(REQUEST).result == "YES"
        broker.tokens = {"new": "ada"}
        assert client.request(REQUEST).result == "YES"
        assert client.request(REQUEST).result == "YES"
        signed = [call.headers["authorization"] for call in broker.calls]
        assert signed == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]
        broker.tokens = {}
        with pytest.raises(BrokerRefused) as refused:
            client.request(REQUEST)
        assert refused.value.problem.status == 401
        assert "newer" not in str(refused.value)


def test_a_token_that_is_no_good_is_not_tried_again(broker: FakeBroker) -> None:
    with BrokerClient(broker.url, token="no good") as client, pytest.raises(BrokerRefused):
        client.request(REQUEST)
    assert len(broker.calls) == 1


@contextmanager
def elsewhere(status: int, location: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server of another origin that answers everything alike; what it was sent."""
    heard: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 - the names that the library wants

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join(10)


def test_credentials_are_never_shown_to_another_place(broker: FakeBroker) -> None:
    uuid = broker.keep(offer(None, 1, 0, SessionPhase.OFFERED))
    with (
        elsewhere(302, f"{broker.url}/sessions/{uuid}") as (url, heard),
        BrokerClient(url, "ada", "lovelace") as client,
    ):
        assert client.session(uuid).phase is SessionPhase.OFFERED
        assert "authorization" in heard[0]
    assert "authorization" not in broker.calls[0].headers


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::", "//:0:0"]
)
def test_what_is_no_place_is_not_gone_to(location: str) -> None:
    with elsewhere(302, location) as (url, _), BrokerClient(url) as client:
        with pytest.raises(UnexpectedReply):
            client.session("x")
        with pytest.raises((UnexpectedReply, BrokerRefused)):
            client.request(REQUEST)


def test_a_circle_is_left() -> None:
    with elsewhere(302, "/again") as (url, heard), BrokerClient(url) as client:
        with pytest.raises(UnexpectedReply, match="circles"):
            client.session("x")
        assert len(heard) == 5


def test_a_change_is_not_redirected() -> None:
    with (
        elsewhere(307, "/other") as (url, heard),
        BrokerClient(url) as client,
        pytest.raises(BrokerRefused, match="points to /other"),
    ):
        client.accept("x")
    assert len(heard) == 1


@pytest.mark.parametrize(
    "shown", [BrokerClient("http://u:hidden@h"), BrokerClient("http://h", "u", "hidden")]
)
def test_a_client_shows_no_secret(shown: BrokerClient) -> None:
    seen = f"{shown!r} {shown.__dict__!r} {vars(shown._shell)!r}"
    assert "hidden" not in seen
    shown.close()
