"""Tokens of a real OpenID provider, in a process of its own, through the front door."""

import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import structlog

from execution_broker.api.app import create_app
from execution_broker.domain.errors import InvalidToken
from execution_broker.services.oidc import Bearers, Issuer, Timing
from tests.harness.broker import broker
from tests.harness.node import node_program

HERE = Path(__file__).parent
SECONDS = 60


class Provider:
    """A provider on a port that stays; starting it again rotates its key."""

    def __init__(self, program: Path) -> None:
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, kid: str) -> None:
        self.stop()
        outside = {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
        self.process = subprocess.Popen(
            ["node", "provider.mjs", str(self._port), kid],
            cwd=self._program,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=outside,
        )
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            assert self.process.poll() is None, "the provider ended"
            assert time.monotonic() < deadline, "the provider does not answer"

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(SECONDS)
            self.process = None

    def token(self, name: str = "ada", audience: str = "urn:eb") -> str:
        answer = httpx.post(
            f"{self.url}/token",
            data={"grant_type": "client_credentials", "resource": audience, "scope": "run"},
            auth=(name, f"{name}-secret"),
            trust_env=False,
        )
        assert answer.status_code == HTTPStatus.OK, answer.text
        return str(answer.json()["access_token"])

    def _answers(self) -> bool:
        try:
            place = f"{self.url}/.well-known/openid-configuration"
            return httpx.get(place, trust_env=False).status_code == HTTPStatus.OK
        except httpx.TransportError:
            time.sleep(0.05)  # the process has no other sign of life than its port
            return False


@contextmanager
def _provider() -> Iterator[Provider]:
    made = Provider(node_program(HERE))
    made.start("first")
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with _provider() as made:
        yield made


@asynccontextmanager
async def asking(directory: Path, url: str, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without an identity at a whole broker that trusts this issuer."""
    issuer = {
        "url": url,
        "audiences": ["urn:eb"],
        "administrator_groups": ["operators"],
        "user_groups": ["astronomers"],
        **changes,
    }
    async with broker(directory, identity={"issuers": {"iam": issuer}}) as made:
        app = create_app(made.services, made.settings.http, structlog.get_logger())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://broker.test") as client:
            yield client
        await made.services.identities.close()


async def who(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/identity", headers={"Authorization": f"Bearer {token}"})


async def test_a_token_gives_an_identity_that_stays(tmp_path: Path, provider: Provider) -> None:
    async with asking(tmp_path, provider.url) as client:
        first = await who(client, provider.token())
        assert first.status_code == HTTPStatus.OK, first.text
        ada = first.json()
        assert ada["username"] == "iam:ada@example.org"
        assert (ada["issuer"], ada["role"]) == (provider.url, "user")
        assert first.headers["x-vo-authenticated"] == "iam:ada@example.org"
        assert (await who(client, provider.token())).json() == ada
        grace = provider.token("grace")
        assert (await who(client, grace)).json()["role"] == "administrator"
        refused = await who(client, provider.token("eve"))
        assert refused.status_code == HTTPStatus.FORBIDDEN
        admin = {"Authorization": f"Bearer {grace}"}
        listed = (await client.get("/admin/identities", headers=admin)).json()["identities"]
        assert {one["username"] for one in listed} == {
            "iam:ada@example.org",
            "iam:grace@example.org",
        }
        place = f"/admin/identities/{ada['uuid']}"
        await client.post(place, json={"disabled": True}, headers=admin)
        assert (await who(client, provider.token())).status_code == HTTPStatus.FORBIDDEN
        own = await client.post("/identity/password", json={"password": "x"}, headers=admin)
        assert own.status_code == HTTPStatus.CONFLICT


async def test_tokens_that_are_not_for_us(tmp_path: Path, provider: Provider) -> None:
    good = provider.token()
    head, body, signature = good.split(".")
    async with asking(tmp_path, provider.url) as client:
        assert (await who(client, good)).status_code == HTTPStatus.OK
        wrong = {
            "another audience": provider.token(audience="urn:other"),
            "signature does not hold": f"{head}.{body}.{signature[:-6]}AAAAAA",
            "signed JSON Web Token": f"eyJhbGciOiJub25lIn0.{body}.",
            "algorithm": f"eyJhbGciOiJub25lIn0.{body}.{signature}",
        }
        for reason, token in wrong.items():
            answer = await who(client, token)
            assert answer.status_code == HTTPStatus.UNAUTHORIZED
            assert reason in answer.json()["detail"]
            challenges = answer.headers.get_list("www-authenticate")
            assert any('error="invalid_token"' in challenge for challenge in challenges)
            assert any(provider.url in challenge for challenge in challenges)


async def test_a_token_of_an_issuer_that_is_not_trusted(tmp_path: Path, provider: Provider) -> None:
    async with asking(tmp_path, "https://iam.example.org") as client:
        answer = await who(client, provider.token())
        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert "not trusted" in answer.json()["detail"]


async def test_a_token_that_has_expired(provider: Provider) -> None:
    """Its ten minutes are over for whoever looks later."""
    token = provider.token()
    async with _judging(provider, time.time) as now:
        assert (await now.whose(token)).subject == "ada"
    async with _judging(provider, lambda: time.time() + 700) as later:
        with pytest.raises(InvalidToken, match="expired"):
            await later.whose(token)


async def test_a_rotated_key() -> None:
    """A provider of its own, as it is started again with another key, and then stopped."""
    with _provider() as provider:
        async with _judging(provider, time.time) as bearers:
            old = provider.token()
            assert (await bearers.whose(old)).subject == "ada"
            provider.start("second")
            new = provider.token()
            assert (await bearers.whose(new)).subject == "ada"
            with pytest.raises(InvalidToken, match="does not publish"):
                await bearers.whose(old)
            provider.stop()
            assert (await bearers.whose(new)).subject == "ada"


@asynccontextmanager
async def _judging(provider: Provider, now: Callable[[], float]) -> AsyncIterator[Bearers]:
    """Checks tokens; an unknown key makes it ask again at once."""
    trusted = Issuer("iam", provider.url, frozenset({"urn:eb"}))
    log = structlog.get_logger()
    made = Bearers([trusted], now, time.monotonic, log, Timing(pause=0))
    yield made
    await made.close()
