"""The pages about accounts, tokens and comparing: their commands, as they stand, against a broker.

The one about accounts asks for passwords, so it has a terminal, and somebody who answers.
"""

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.asking import request as good_request
from tests.harness.issuer import FakeIssuer, issuing
from tests.harness.serving import Server, server

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
SECONDS = 120
WORD = "correct horse battery"
ASKED = re.compile(rb"(password|confirmation)[^\r\n]*: ?$", re.IGNORECASE)


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    (made / ".local" / "share").mkdir(parents=True)
    return made


@pytest.fixture(scope="module")
def broker(home: Path, issuer: FakeIssuer) -> Iterator[Server]:
    settings = {
        "PLATFORMS__HERE__PLUGIN": "scripted",
        "IDENTITY__ISSUERS__IAM__URL": issuer.url,
        "IDENTITY__ISSUERS__IAM__AUDIENCES": '["urn:eb"]',
    }
    with server(home / ".local" / "share" / "execution-broker", settings) as made:
        made.ready()
        yield made


def test_accounts(broker: Server, home: Path) -> None:
    said = _on_terminal(_blocks("manage-accounts.md", "sh"), _environment(broker, home))
    assert re.search(r"dave +user +enabled", said), said
    assert said.rstrip().rpartition("\n")[2].startswith("dave is an administrator")
    assert WORD not in said


def test_a_token_of_an_issuer(broker: Server, home: Path, issuer: FakeIssuer) -> None:
    script = _blocks("sign-in-with-oidc.md", "sh").replace("https://broker.example.org", broker.url)
    environment = _environment(broker, home) | {"TOKEN": issuer.token("first")}
    assert '"username":"iam:' in _run(script, home, environment)


def test_the_settings_for_an_issuer_hold(broker: Server, home: Path) -> None:
    (home / "broker.toml").write_text(_blocks("sign-in-with-oidc.md", "toml"))
    assert _run("broker config check broker.toml", home, _environment(broker, home))


def test_comparing(broker: Server, home: Path) -> None:
    brokers = _blocks("compare-brokers.md", "toml")
    for written, here in (
        ("http://127.0.0.1:8080", broker.url),
        ('"ada"', '"admin"'),
        ("https://broker.example.org", "http://127.0.0.1:1"),
    ):
        assert written in brokers
        brokers = brokers.replace(written, here)
    (home / "brokers.toml").write_text(brokers)
    (home / "home-password").write_text((broker.directory / "admin-password").read_text())
    (home / "away-token").write_text("a token")
    for secret in ("home-password", "away-token"):
        (home / secret).chmod(0o600)
    (home / "request.yaml").write_text(yaml.safe_dump(good_request()))
    said = _run(_blocks("compare-brokers.md", "sh"), home, _environment(broker, home))
    assert "home" in said
    with broker.client() as client:
        phases = {one["phase"] for one in client.get("/sessions").json()["sessions"]}
    assert "REJECTED" in phases, "what was let go"
    assert phases - {"REJECTED", "OFFERED"}, "what was taken"


def _blocks(page: str, kind: str) -> str:
    text = (HOW_TO / page).read_text("utf-8")
    found = re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return "\n".join(found)


def _environment(broker: Server, home: Path) -> dict[str, str]:
    outside = {n: v for n, v in os.environ.items() if not n.startswith(("BROKER", "XDG_"))}
    path = f"{Path(sys.executable).parent}:{outside['PATH']}"
    return {**outside, "HOME": str(home), "BROKER_URL": broker.url, "PATH": path, "COLUMNS": "200"}


def _run(script: str, home: Path, environment: dict[str, str]) -> str:
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _on_terminal(script: str, environment: dict[str, str]) -> str:
    """What is said there; every question for a password is answered with the same one."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    said = b""
    answered = 0
    deadline = time.monotonic() + SECONDS
    while (part := _read(ours)) is not None and time.monotonic() < deadline:
        said += part
        if ASKED.search(said[answered:]) and not _echoes(ours):
            answered = len(said)
            os.write(ours, WORD.encode() + b"\n")
    os.close(ours)
    if part is not None:
        process.kill()
    assert process.wait(SECONDS) == 0, said.decode()
    return said.decode()


def _read(terminal: int) -> bytes | None:
    """What is said next, if anything is said soon; None once nobody is there."""
    if not select.select([terminal], [], [], 0.05)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return None  # the other end is closed


def _echoes(terminal: int) -> bool:
    """Whether what is typed is shown: while it is, nobody waits for a password yet."""
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
