"""Files that are here, in a request."""

from pathlib import Path
from typing import Any

import pytest

from execution_broker.client import BrokerClient, UnusableFile
from execution_broker.client.uploading import with_paths
from execution_broker.models import kinds
from tests.client.fake_broker import FakeBroker


def request(location: str) -> dict[str, Any]:
    return {
        "executable": {"kind": kinds.JUPYTER_NOTEBOOK, "location": location},
        "data": [
            {"kind": kinds.SIMPLE_DATA, "location": "https://example.org/a:b/c"},
            {"kind": kinds.S3_DATA, "location": "not/a/path"},
        ],
    }


def test_a_broker_that_takes_no_uploads_is_told_where_the_file_is(
    broker: FakeBroker, tmp_path: Path
) -> None:
    file = tmp_path / "a fit.ipynb"
    file.write_text("{}")
    wanted = request(str(file))
    told: list[tuple[Path, int]] = []
    with BrokerClient(broker.url, "ada", "lovelace") as client:
        brought = client.bring(wanted, lambda path, size: told.append((path, size)))
    assert brought == request(file.as_uri())
    assert wanted == request(str(file)), "what was given is left as it was"
    assert told == [(file, 2)]


def test_a_request_without_files_is_sent_as_it_is(broker: FakeBroker) -> None:
    wanted = request("https://example.org/fit.ipynb")
    with BrokerClient(broker.url, "ada", "lovelace") as client:
        assert client.bring(wanted) == wanted
    assert broker.calls == []


@pytest.mark.parametrize("name", ["missing.ipynb", "."])
def test_a_file_that_cannot_be_read_is_named(broker: FakeBroker, tmp_path: Path, name: str) -> None:
    with (
        BrokerClient(broker.url, "ada", "lovelace") as client,
        pytest.raises(UnusableFile, match=str(tmp_path)),
    ):
        client.bring(request(str(tmp_path / name)))


def test_relative_paths_are_of_the_directory_of_the_request(tmp_path: Path) -> None:
    placed = with_paths(request("sub/fit.ipynb"), tmp_path)
    assert placed == request(str(tmp_path / "sub/fit.ipynb"))
