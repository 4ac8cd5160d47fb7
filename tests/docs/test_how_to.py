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
RUN_BY_OTHERS = {
    "accept-from-curl.md": "test_curl.py",
    "find-a-session.md": "test_curl.py",
    "manage-accounts.md": "test_accounts.py",
    "sign-in-with-oidc.md": "test_accounts.py",
    "compare-brokers.md": "test_accounts.py",
    "tutorial.md": "test_tutorial.py",
}
FOR_MAKE = re.compile(r"(make [^\n]*\n)+")
GENERATED = {"cli.md"}


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


def test_what_looks_like_it_is_run_is_run() -> None:
    """Every page with shell blocks is run by a test of this directory, but for those that only
    call `make`, and the generated one, whose examples are those of `--help`."""
    here = Path(__file__).parent
    for page in sorted((ROOT / "docs").rglob("*.md")):
        blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        if page.name in GENERATED or all(FOR_MAKE.fullmatch(block) for block in blocks):
            continue
        if page.name not in PAGES:
            runner = here / RUN_BY_OTHERS[page.name]
            assert page.name in runner.read_text("utf-8"), page.name
