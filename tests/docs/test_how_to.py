"""The shell commands of the how-to pages that need no server are run as they stand."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["write-a-request.md", "write-a-plugin.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout


def test_what_is_not_run_says_why() -> None:
    """A command that is shown and not run is in a block of its own kind, with its reason."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        lines = page.read_text("utf-8").splitlines()
        for above, line in pairwise(lines):
            if line.strip() == "```console":
                assert above.startswith("<!-- not run: "), f"{page.name}: {line}"
