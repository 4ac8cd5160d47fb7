"""The shell commands of the how-to pages that need a server, against a real one."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.harness.serving import server

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ["accept-from-curl.md", "find-a-session.md"]
NOTEBOOK = "location: https://example.org/analysis.ipynb"
KNOWN = f"location: http://127.0.0.1:1/analysis.ipynb\n  checks: {{size: 9, sha256: {'0' * 64!r}}}"


def test_the_commands_of_the_pages_work(tmp_path: Path) -> None:
    """One page after the other, as the second looks back at what the first did."""
    home = tmp_path / "home"
    data = home / ".local" / "share" / "execution-broker"
    data.parent.mkdir(parents=True)
    with server(data, {"PLATFORMS__HERE__PLUGIN": "scripted"}) as made:
        made.ready()
        script = "\n".join(map(_shell, PAGES))
        for written, here in (
            ("http://127.0.0.1:8080", made.url),
            (NOTEBOOK, KNOWN),
            ("results/analysis.ipynb", "results/answer.txt"),
        ):
            assert written in script
            script = script.replace(written, here)
        outside = {n: v for n, v in os.environ.items() if not n.startswith(("BROKER", "XDG_"))}
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={
                **outside,
                "HOME": str(home),
                "BROKER_URL": made.url,
                "PATH": f"{Path(sys.executable).parent}:{outside['PATH']}",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "urn:execution-broker:problem:" not in ended.stdout
    assert "hello from the script" in ended.stdout
    assert (tmp_path / "answer.txt").read_text() == "42\n"
    assert re.search(r'^data: .*"phase":"COMPLETED"', ended.stdout, re.MULTILINE)
    assert re.search(r"phase +name +start", ended.stdout)
    assert re.search(r"session +session-phase OFFERED$", ended.stdout, re.MULTILINE)


def _shell(page: str) -> str:
    text = (HOW_TO / page).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    return "\n".join(blocks)
