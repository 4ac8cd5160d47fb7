"""What the client sends, and what it makes of the answers."""

import msgspec
import pytest

from execution_broker.client import (
    BadAddress,
    BrokerClient,
    BrokerRefused,
    UnexpectedReply,
    Unreachable,
)
from execution_broker.models import kinds
from execution_broker.models.executable import JupyterNotebook
from execution_broker.models.execution import ExecutionRequest
from execution_broker.models.phases import SessionPhase
from execution_broker.models.reading import UnknownKind
from execution_broker.models.resources import Range, SimpleCompute
from execution_broker.models.update import EnumUpdate
from tests.client.fake_broker import FakeBroker

NOTEBOOK = JupyterNotebook(location="https://example.org/fit.ipynb")
REQUEST = ExecutionRequest(executable=NOTEBOOK)
NOWHERE = "5f3ff7a4-6f3a-4b0a-9d6e-0f1b8e7d1c22"


def offered(client: BrokerClient) -> str:
    offer = client.request(REQUEST).offers[0]
    assert offer.meta is not None
    return str(offer.meta.uuid)


def test_request_takes_the_offers_from_the_redirection_itself(
    broker: FakeBroker, client: BrokerClient
) -> None:
    answer = client.request(REQUEST)
    assert answer.result == "YES"
    assert [offer.phase for offer in answer.offers] == [SessionPhase.OFFERED] * 2
    assert broker.paths() == []


def test_request_follows_a_redirection_without_a_body(
    broker: FakeBroker, client: BrokerClient
) -> None:
    broker.bare_redirects = True
    answer = client.request(REQUEST)
    assert answer.meta is not None
    assert broker.paths() == [f"/offersets/{answer.meta.uuid}"]


def test_request_sends_plain_values_as_they_are(broker: FakeBroker, client: BrokerClient) -> None:
    answer = client.request({"executable": {"kind": "urn:example:teapot"}, "more": [1, 2]})
    assert msgspec.json.decode(broker.calls[0].body) == {
        "executable": {"kind": "urn:example:teapot"},
        "more": [1, 2],
    }
    assert answer.result == "NO"
    assert answer.meta is not None
    assert "urn:example:teapot" in str(answer.meta.messages[0].message)


def test_an_offer_set_can_be_read_again(client: BrokerClient) -> None:
    answer = client.request(REQUEST)
    assert answer.meta is not None
    assert client.offerset(str(answer.meta.uuid)) == answer


def test_direct_gives_an_accepted_session(client: BrokerClient) -> None:
    assert client.direct(REQUEST).phase is SessionPhase.ACCEPTED


def test_direct_gives_the_failed_session_that_says_why(client: BrokerClient) -> None:
    session = client.direct({})
    assert session.phase is SessionPhase.FAILED
    assert session.meta is not None
    assert "executable" in str(session.meta.messages[0].message)


def test_accept_reject_and_cancel_are_updates_of_the_phase(
    broker: FakeBroker, client: BrokerClient
) -> None:
    assert client.accept(offered(client)).phase is SessionPhase.ACCEPTED
    assert client.reject(offered(client)).phase is SessionPhase.REJECTED
    assert client.cancel(offered(client)).phase is SessionPhase.CANCELLED
    sent = [msgspec.json.decode(call.body) for call in broker.calls if "/sessions/" in call.path]
    assert sent == [
        {"kind": kinds.ENUM_UPDATE, "path": "phase", "value": phase}
        for phase in ("ACCEPTED", "REJECTED", "CANCELLED")
    ]


def test_what_the_phase_forbids_is_refused_with_what_is_possible(client: BrokerClient) -> None:
    uuid = offered(client)
    client.reject(uuid)
    with pytest.raises(BrokerRefused, match="REJECTED and cannot be ACCEPTED") as refused:
        client.update(uuid, EnumUpdate(path="phase", value="ACCEPTED"))
    assert refused.value.problem.status == 409
    assert refused.value.remedy == "Possible: CANCELLED."


def test_a_broken_request_is_refused_with_the_place_of_each_fault(client: BrokerClient) -> None:
    with pytest.raises(BrokerRefused) as refused:
        client.request({"compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": "two"}}})
    assert refused.value.problem.status == 422
    assert refused.value.problem.faults[0].place == "$.compute.cores.min"


def test_a_session_that_is_not_there(client: BrokerClient) -> None:
    with pytest.raises(BrokerRefused, match="no such session") as refused:
        client.session(NOWHERE)
    assert refused.value.problem.status == 404
    assert refused.value.remedy


def test_a_wrong_password(broker: FakeBroker) -> None:
    with (
        BrokerClient(broker.url, "ada", "byron") as client,
        pytest.raises(BrokerRefused) as refused,
    ):
        client.request(REQUEST)
    assert refused.value.problem.status == 401
    assert "byron" not in str(refused.value)


def test_credentials_in_the_address_are_used_and_never_shown(broker: FakeBroker) -> None:
    with BrokerClient(broker.url.replace("//", "//ada:lovelace@")) as client:
        assert client.request(REQUEST).result == "YES"
        assert client.url == broker.url


def test_no_broker(nobody: str, sleeps: list[float]) -> None:
    with BrokerClient(nobody, sleep=sleeps.append) as client:
        with pytest.raises(Unreachable, match="nothing listens there") as error:
            client.session(NOWHERE)
        assert "broker serve" in error.value.remedy
        assert len(sleeps) == 2
        with pytest.raises(Unreachable):
            client.request(REQUEST)
        assert len(sleeps) == 4, "nothing was sent, so that it may be tried again"
        assert client.ready() is False
        assert len(sleeps) == 4


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://example.org", "http://", "http://[::"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(BadAddress, match="http"):
        BrokerClient(url)


def test_reading_is_repeated_while_the_broker_is_busy(
    broker: FakeBroker, client: BrokerClient, sleeps: list[float]
) -> None:
    uuid = offered(client)
    broker.busy, broker.retry_after = 2, 3
    assert client.session(uuid).phase is SessionPhase.OFFERED
    assert sleeps == [3, 3]


def test_a_broker_that_stays_busy_says_when_to_come_back(
    broker: FakeBroker, client: BrokerClient, sleeps: list[float]
) -> None:
    broker.busy, broker.retry_after = 100, 300
    with pytest.raises(BrokerRefused) as refused:
        client.session(NOWHERE)
    assert refused.value.retry_after == 300
    assert sleeps == [], "nobody waits five minutes without saying so"


def test_reading_is_repeated_when_the_answer_breaks_off(
    broker: FakeBroker, client: BrokerClient
) -> None:
    uuid = offered(client)
    broker.broken = 1
    assert client.session(uuid).phase is SessionPhase.OFFERED


def test_unknown_kinds_of_another_broker_are_left_out_and_named(broker: FakeBroker) -> None:
    seen: list[UnknownKind] = []
    broker.altered = {
        "kind": "https://example.org/kinds/simple-session.yaml",
        "executable": {"kind": "urn:example:teapot"},
        "data": [{"kind": "urn:example:tape"}, {"kind": kinds.SIMPLE_DATA, "location": "x:y"}],
        "costs": [{"kind": "urn:example:cost"}],
        "connectors": None,
    }
    with BrokerClient(broker.url, "ada", "lovelace", notice=seen.append) as client:
        session = client.session(offered(client))
    assert session.phase is SessionPhase.OFFERED
    assert session.executable is None
    assert len(session.data) == 1
    assert session.costs == ()
    assert {(unknown.place, unknown.kind) for unknown in seen} == {
        ("$", "https://example.org/kinds/simple-session.yaml"),
        ("$.executable", "urn:example:teapot"),
        ("$.data[0]", "urn:example:tape"),
        ("$.costs[0]", "urn:example:cost"),
    }


@pytest.mark.parametrize(
    ("altered", "place"),
    [
        ({"phase": "FINISHING"}, r"\$\.phase"),
        ({"phase": None}, r"\$\.phase"),
        ({"compute": {"kind": kinds.SIMPLE_COMPUTE, "cores": 2}}, r"\$\.compute\.cores"),
        ({"created": 1, "meta": {"created": "soon"}}, r"\$\.meta\.created"),
    ],
)
def test_an_answer_that_is_no_session_names_the_place(
    broker: FakeBroker, client: BrokerClient, altered: dict[str, object], place: str
) -> None:
    uuid = offered(client)
    broker.altered = altered
    with pytest.raises(UnexpectedReply, match=place):
        client.session(uuid)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"phase": 1', b"\xff"])
def test_an_address_of_something_else(
    broker: FakeBroker, client: BrokerClient, body: bytes
) -> None:
    broker.page = body
    with pytest.raises(UnexpectedReply):
        client.session(NOWHERE)
    with pytest.raises(UnexpectedReply):
        client.offerset(NOWHERE)


def test_a_broker_below_a_path_is_asked_there(broker: FakeBroker) -> None:
    with BrokerClient(f"{broker.url}/proxied/") as client, pytest.raises(BrokerRefused):
        client.offerset(NOWHERE)
    assert broker.paths() == [], "the fake has no such route"


def test_create_identity(broker: FakeBroker) -> None:
    with BrokerClient(broker.url, "admin", "secret") as client:
        assert client.create_identity("dave", "marvin").username == "dave"
        with pytest.raises(BrokerRefused, match="dave already") as refused:
            client.create_identity("dave", "marvin")
    assert refused.value.problem.status == 409


def test_create_identity_is_for_the_administrator(client: BrokerClient) -> None:
    with pytest.raises(BrokerRefused) as refused:
        client.create_identity("dave", "marvin")
    assert refused.value.problem.status == 403


def test_ready(broker: FakeBroker, client: BrokerClient) -> None:
    assert client.ready() is True
    broker.busy = 1
    assert client.ready() is False


def test_compute_is_sent_by_its_kind(broker: FakeBroker, client: BrokerClient) -> None:
    client.request(ExecutionRequest(executable=NOTEBOOK, compute=SimpleCompute(cores=Range(min=2))))
    sent = msgspec.json.decode(broker.calls[0].body)
    assert sent["compute"] == {"kind": kinds.SIMPLE_COMPUTE, "cores": {"min": 2}}
