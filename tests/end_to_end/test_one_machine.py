"""One's own files on one's own machine: a server in one process, the command line in another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution_broker.cli.exits import Exit
from tests.harness.command import Broker, runner
from tests.harness.serving import Server, server
from tests.platforms.local.documents import cell, document, saved

CELLS = (
    "import os\nrows = open(os.environ['BROKER_DATA_NIGHT_1_CSV']).read().split()",
    "open('sum.txt', 'w').write(str(sum(map(int, rows))))",
)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, kernel_python: Path) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("broker")
    settings = {"PLATFORMS__LOCAL__KERNEL_PYTHON": str(kernel_python)}
    with server(directory, settings) as made:
        made.ready()
        yield made


@pytest.fixture
def run(serving: Server) -> Broker:
    """The command, on the machine of the server, as who started it."""
    return runner(
        {
            "BROKER_URL": serving.url,
            "BROKER__DATA_DIRECTORY": str(serving.directory),
            "TZ": "UTC",
        }
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a notebook and its data."""
    saved(tmp_path / "fit the sum.ipynb", document(*map(cell, CELLS)))
    (tmp_path / "night-1.csv").write_text("1 2 3 4\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_notebook_and_its_data_that_are_here_are_run(run: Broker, here: Path) -> None:
    ended = run(
        *("run", "--notebook", "fit the sum.ipynb", "--mode", "BATCH"),
        *("--data", "night-1.csv", "--duration", "PT5M"),
    )
    assert ended.code == Exit.DONE, ended.out + ended.err
    assert "Uploading fit the sum.ipynb" in ended.err
    assert "sum.txt" in ended.out
    uuid = ended.err.partition("Accepted ")[2].partition(",")[0]
    assert run("results", uuid, "--output", "kept").code == Exit.DONE
    assert (here / "kept" / "sum.txt").read_text() == "10"


def test_a_request_file_names_files_from_where_it_is(
    run: Broker, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("init", "fit the sum.ipynb", "--data", "night-1.csv").code == Exit.DONE
    text = (here / "request.yaml").read_text()
    assert "location: fit the sum.ipynb" in text
    monkeypatch.chdir("/")
    ended = run("request", str(here / "request.yaml"), "--json")
    assert ended.code == Exit.DONE, ended.out + ended.err
    offers = json.loads(ended.out)["offers"]
    assert offers[0]["executable"]["location"].startswith("upload:/")
    for offer in offers[:1]:
        assert run("reject", offer["meta"]["uuid"]).code == Exit.DONE


def test_a_notebook_that_cannot_run_is_a_no_before_anything_is_held(
    run: Broker, here: Path
) -> None:
    saved(here / "fit.ipynb", document(metadata={"kernelspec": {"name": "julia-1.9"}}))
    ended = run("run", "--notebook", "fit.ipynb", "--mode", "BATCH")
    assert ended.code == Exit.NO
    assert "a notebook in the language julia; local runs those in python" in ended.out
