"""A server that is told secrets in every place there is, at the most talkative level: its log
has none of them. (The harness looks at the log of every other server and test of the suite.)"""

from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import httpx

from tests.harness.asking import request
from tests.harness.issuer import FakeIssuer, issuing
from tests.harness.secrecy import leaked, plant, plant_basic
from tests.harness.serving import Server, server, set_phase, wait_for

GONE = "http://127.0.0.1:1"


def secret() -> str:
    return plant(f"planted-{uuid4().hex}")


def test_no_secret_is_logged(tmp_path: Path) -> None:
    with issuing() as issuer:
        settings = {
            "PLATFORMS__HERE__PLUGIN": "scripted",
            "LOG__LEVEL": "DEBUG",
            "LOG__FORMAT": "json",
            "IDENTITY__ISSUERS__GONE__URL": GONE,
            "IDENTITY__ISSUERS__GONE__AUDIENCES": '["urn:eb"]',
            "IDENTITY__ISSUERS__IAM__URL": issuer.url,
            "IDENTITY__ISSUERS__IAM__AUDIENCES": '["urn:eb"]',
        }
        with server(tmp_path, settings) as made:
            made.ready()
            _sign_in_every_way(made, issuer)
            _run_with_secrets(made)
            made.stop()
            log = "".join(made.log)
    assert log.count("request-answered") >= 10, "it logs what is looked for here"
    assert "issuer-unreachable" in log
    assert leaked(log) == []


def _sign_in_every_way(made: Server, issuer: FakeIssuer) -> None:
    password = plant_basic("ada", f"planted-{uuid4().hex}")
    with made.client() as admin, httpx.Client(base_url=made.url, timeout=20) as client:
        account = {"username": "ada", "password": password}
        assert admin.post("/admin/identities", json=account).status_code == HTTPStatus.CREATED
        assert client.get("/identity", auth=("ada", password)).status_code == HTTPStatus.OK
        fresh = plant_basic("ada", f"planted-{uuid4().hex}")
        client.post("/identity/password", json={"password": fresh}, auth=("ada", password))
        wrong = plant_basic("ada", f"planted-{uuid4().hex}")
        assert client.get("/identity", auth=("ada", wrong)).status_code == HTTPStatus.UNAUTHORIZED
        good = plant(issuer.token("first"))
        headers = {"Authorization": f"Bearer {good}"}
        assert client.get("/identity", headers=headers).status_code == HTTPStatus.OK
        issuer.add_key("second")
        for header in (
            f"Bearer {secret()}",
            f"Bearer {plant(issuer.token('second'))}",
            f"Bearer {plant(issuer.token('first', iss=GONE))}",
            f"Basic {secret()}",
            f"Digest {secret()}",
            secret(),
        ):
            assert client.get("/identity", headers={"Authorization": header}).is_error
        client.get(f"/sessions/{secret()}?token={secret()}", headers={"Cookie": secret()})
        client.post("/requests", content=secret(), auth=("ada", fresh))


def _run_with_secrets(made: Server) -> None:
    """A session whose source, with credentials in its address, cannot be had."""
    body = request(script={"prepare_data": "crash"})
    place = f"http://ada:{secret()}@127.0.0.1:1/series.dat?token={secret()}"
    body["data"][0]["location"] = place
    with made.client() as client:
        uuid = client.post("/requests", json=body).json()["offers"][0]["meta"]["uuid"]
        set_phase(client, uuid, "ACCEPTED")
        wait_for(client, uuid, "FAILED")
