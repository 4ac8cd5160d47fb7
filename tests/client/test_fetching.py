"""Fetching results: verified, under a temporary name, nothing of yours overwritten."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.client import (
    BrokerClient,
    ContentMismatch,
    TargetTaken,
    UnexpectedReply,
    Unwritable,
)
from execution_broker.client.fetching import place_in
from execution_broker.domain.errors import NotFound
from execution_broker.models.extensions import ResultFile
from execution_broker.models.phases import SessionPhase
from tests.client.fake_broker import FakeBroker, offer

CONTENT = bytes(range(256)) * 3000


@pytest.fixture
def uuid(broker: FakeBroker) -> str:
    broker.outputs = {"out/fit.fits": CONTENT, "empty": b""}
    return broker.keep(offer(None, 1, 0, SessionPhase.COMPLETED))


def test_a_result_is_listed_and_fetched(client: BrokerClient, uuid: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    listed = client.results(uuid).results
    assert [(file.path, file.size) for file in listed] == [("out/fit.fits", 768000), ("empty", 0)]
    target = tmp_path / "new" / "fit.fits"
    fetched = client.fetch(uuid, "out/fit.fits", target, lambda *step: told.append(step))
    assert fetched == target
    assert target.read_bytes() == CONTENT
    assert told[-1] == (768000, 768000)
    assert client.fetch(uuid, listed[1], tmp_path / "empty").read_bytes() == b""


def test_results_that_are_being_collected_are_waited_for(
    broker: FakeBroker, client: BrokerClient, uuid: str
) -> None:
    broker.collecting = 2
    assert len(client.results(uuid).results) == 2
    assert [path for path in broker.paths() if path.endswith("/results")][2:]


def test_wrong_content_is_not_kept(
    broker: FakeBroker, client: BrokerClient, uuid: str, tmp_path: Path
) -> None:
    broker.damaged = {"out/fit.fits"}
    with pytest.raises(ContentMismatch, match=hashlib.sha256(CONTENT).hexdigest()):
        client.fetch(uuid, "out/fit.fits", tmp_path / "fit.fits")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_wrong_size_is_not_kept(
    client: BrokerClient, uuid: str, tmp_path: Path, size: int
) -> None:
    told = client.results(uuid).results[0]
    lie = ResultFile(path=told.path, size=size, sha256=told.sha256, url=told.url)
    with pytest.raises(ContentMismatch, match="announced"):
        client.fetch(uuid, lie, tmp_path / "fit.fits")
    assert list(tmp_path.iterdir()) == []


def test_a_transfer_that_breaks_off_begins_again(
    broker: FakeBroker, client: BrokerClient, uuid: str, tmp_path: Path, sleeps: list[float]
) -> None:
    file = client.results(uuid).results[0]
    broker.broken = 1
    assert client.fetch(uuid, file, tmp_path / "fit.fits").read_bytes() == CONTENT
    assert len(sleeps) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fit.fits"]


def test_the_same_content_is_not_fetched_again(
    broker: FakeBroker, client: BrokerClient, uuid: str, tmp_path: Path
) -> None:
    file = client.results(uuid).results[0]
    client.fetch(uuid, file, tmp_path / "fit.fits")
    before = len(broker.calls)
    client.fetch(uuid, file, tmp_path / "fit.fits")
    assert len(broker.calls) == before


def test_other_content_is_left_alone(client: BrokerClient, uuid: str, tmp_path: Path) -> None:
    mine = tmp_path / "fit.fits"
    mine.write_bytes(b"mine")
    with pytest.raises(TargetTaken):
        client.fetch(uuid, "out/fit.fits", mine)
    assert mine.read_bytes() == b"mine"


def test_a_place_that_cannot_be_written(client: BrokerClient, uuid: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unwritable, match="file"):
        client.fetch(uuid, "out/fit.fits", tmp_path / "file" / "fit.fits")


def test_a_result_that_is_not_there(client: BrokerClient, uuid: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no result other\.fits"):
        client.fetch(uuid, "other.fits", tmp_path / "other.fits")


def test_credentials_do_not_follow_a_link_to_another_origin(
    broker: FakeBroker, client: BrokerClient, uuid: str, tmp_path: Path
) -> None:
    file = client.results(uuid).results[1]
    elsewhere = broker.url.replace("127.0.0.1", "localhost") + file.url
    away = ResultFile(path=file.path, size=file.size, sha256=file.sha256, url=elsewhere)
    client.fetch(uuid, away, tmp_path / "empty")
    assert "authorization" not in broker.calls[-1].headers
    assert "authorization" in broker.calls[-2].headers


@given(st.text(st.sampled_from("ab./\\\0 "), max_size=12))
def test_no_name_leads_out_of_the_directory(path: str) -> None:
    directory = Path("/somewhere/results")
    try:
        place = place_in(directory, ResultFile(path=path, size=0, sha256="", url=""))
    except UnexpectedReply:
        return
    assert place != directory
    assert place.is_relative_to(directory)
    assert ".." not in place.parts
