"""Three ways in, as somebody new goes them: scripts of whole commands, run as they stand."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.platforms.local.documents import cell, document, saved

HERE = Path(__file__).parent
LONGEST = 300
CELLS = (
    "import os\nrows = open(os.environ['BROKER_DATA_NIGHT_1_CSV']).read().split()",
    "open('sum.txt', 'w').write(str(sum(map(int, rows))))",
)


def test_somebody_has_a_notebook(tmp_path: Path, kernel_python: Path) -> None:
    saved(tmp_path / "fit.ipynb", document(*map(cell, CELLS)))
    (tmp_path / "night-1.csv").write_text("1 2 3 4\n")
    said = _run(
        "astronomer",
        tmp_path,
        BROKER__DATA_DIRECTORY=str(tmp_path / "broker"),
        BROKER__PLATFORMS__LOCAL__KERNEL_PYTHON=str(kernel_python),
    )
    assert "\n10" in said


def test_somebody_runs_a_site(tmp_path: Path) -> None:
    _run("operator", tmp_path)


def test_somebody_writes_a_plugin(tmp_path: Path) -> None:
    said = _run("plugin_author", tmp_path, PYTHON=getattr(sys, "_base_executable", sys.executable))
    assert "no issues found" in said


def _run(name: str, directory: Path, **more: str) -> str:
    """What a script said, which ends with success. Nothing of it runs when this returns."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    outside = {n: v for n, v in os.environ.items() if not n.startswith(("BROKER", "COV_"))}
    environment = {
        **outside,
        "PATH": f"{Path(sys.executable).parent}:{outside['PATH']}",
        "PORT": port,
        "BROKER_URL": f"http://127.0.0.1:{port}",
        "BROKER__HTTP__LISTEN": f"127.0.0.1:{port}",
        "TZ": "UTC",
        **more,
    }
    said = directory / "said-by-the-script.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", str(HERE / f"{name}.sh")],
            cwd=directory,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(LONGEST)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
    log = directory / "serve.log"
    text = said.read_text()
    assert status == 0, text + (log.read_text() if log.exists() else "")
    assert text.endswith(f"the {name.replace('_', ' ')} is done\n")
    return text
