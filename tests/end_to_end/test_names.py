"""Files of any name come back from a session, or are said not to."""

import json
import sys
from pathlib import Path

from execution_broker.cli.exits import Exit
from execution_broker.models import kinds
from tests.harness.command import runner
from tests.harness.serving import server
from tests.platforms.local.stand_in import stand_in

FETCHED = [
    "what?.txt",
    "50%.csv",
    "%2e%2e",
    "plot#1.png",
    "a b&c=1;+,@:$!'()*[]{}|^`~<>\"\\.txt",
    "größe/Δλ \u3000.fits",
    "👩‍🚀.txt",
    "...",
]
LEFT_OUT = ["line\nfeed", "bell\a", "not a character \ufffe"]


def test_every_name_that_is_kept_is_fetched(tmp_path: Path) -> None:
    writing = tmp_path / "writing.py"
    names = [*FETCHED, *LEFT_OUT]
    writing.write_text(
        "import pathlib\n"
        f"for name in {names!r}:\n"
        "    pathlib.Path(name).parent.mkdir(exist_ok=True)\n"
        "    pathlib.Path(name).write_text(name)\n"
    )
    python, notebook = stand_in(tmp_path, f"{sys.executable} {writing}")
    wanted = {"executable": {"kind": kinds.JUPYTER_NOTEBOOK, "mode": "BATCH", **notebook}}
    request = tmp_path / "request.json"
    request.write_text(json.dumps(wanted))
    settings = {
        "PLATFORMS__LOCAL__KERNEL_PYTHON": str(python),
        "TRANSFERS__FILE__ROOTS": json.dumps([str(tmp_path)]),
        "WORKER__POLL": "0.2",
    }
    with server(tmp_path / "data", settings) as made:
        made.ready()
        run = runner({"BROKER_URL": made.url, "BROKER__DATA_DIRECTORY": str(tmp_path / "data")})
        ended = run("run", str(request), "--json", "--interval", "0.05")
        assert ended.code == Exit.DONE, ended
        *_, last, listed = map(json.loads, ended.out.splitlines())
        uuid = last["meta"]["uuid"]
        paths = {file["path"] for file in listed["results"]}
        assert paths == {*FETCHED, "notebook.ipynb"}
        told = " ".join(message["message"] for message in last["meta"]["messages"])
        for name in ("line\\nfeed", "bell\\x07", "not a character \\ufffe"):
            assert name in told
        fetched = run("results", uuid, "--output", str(tmp_path / "mine"))
        assert fetched.code == Exit.DONE, fetched.err
        for name in FETCHED:
            assert (tmp_path / "mine" / name).read_text() == name
        with made.client() as client:
            xml = client.get(f"/sessions/{uuid}/results", headers={"Accept": "application/xml"})
            assert xml.is_success
            assert xml.text.count("<path>") == len(paths)
