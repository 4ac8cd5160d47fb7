"""Lists page by page, and what may be asked of them."""

from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import pytest
from starlette.applications import Starlette

from execution_broker.domain.paging import EVER, MOST, NEVER, Page, SessionFilter
from execution_broker.models.phases import SessionPhase
from tests.api import bodies, fakes

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("collection", ["sessions", "offersets"])
async def test_pages_follow_each_other(ada: httpx.AsyncClient, collection: str) -> None:
    for _ in range(5):
        await ada.post("/requests", json=bodies.NOTEBOOK)
    seen: list[str] = []
    address: str | None = f"/{collection}?limit=2&since=2027-01-01"
    while address:
        answer = await ada.get(address)
        assert answer.status_code == HTTPStatus.OK
        page = answer.json()
        seen += [one["uuid"] for one in page[collection]]
        address = page.get("next")
        assert answer.links.get("next", {}).get("url") == address
        assert not address or "limit=2" in address
    assert len(seen) == len(set(seen)) == 5


async def test_one_sees_what_is_ones_own(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await ada.post("/direct", json=bodies.NOTEBOOK)
    assert len((await ada.get("/sessions")).json()["sessions"]) == 1
    assert (await bob.get("/sessions")).json() == {}
    assert (await admin.get("/sessions")).json()["sessions"][0]["owner"] == "ada"


@pytest.mark.parametrize(
    ("query", "page", "wanted"),
    [
        ("", Page(), SessionFilter()),
        ("limit=7", Page(limit=7), SessionFilter()),
        ("limit=100000", Page(limit=MOST), SessionFilter()),
        ("since=2027-01-01", Page(since=NEW_YEAR), SessionFilter()),
        ("since=2027-01-01T01:00:00+01:00", Page(since=NEW_YEAR), SessionFilter()),
        ("until=2027-01-01T00:00:00Z", Page(until=NEW_YEAR), SessionFilter()),
        ("since=0001-01-01&until=9999-12-31", Page(since=EVER, until=NEVER), SessionFilter()),
        ("name=My%20fit", Page(), SessionFilter(name="My fit")),
        (
            "phase=RUNNING,waiting&phase=FAILED",
            Page(),
            SessionFilter(
                frozenset({SessionPhase.RUNNING, SessionPhase.WAITING, SessionPhase.FAILED})
            ),
        ),
    ],
)
async def test_what_can_be_asked(
    ada: httpx.AsyncClient, world: fakes.World, query: str, page: Page, wanted: SessionFilter
) -> None:
    assert (await ada.get(f"/sessions?{query}")).status_code == HTTPStatus.OK
    assert world.asked == [(page, wanted)]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=", "limit"),
        ("cursor=here", "cursor"),
        ("since=yesterday", "since"),
        ("until=2027-13-01", "until"),
        ("phase=ASLEEP", "phase"),
    ],
)
async def test_what_cannot_be_asked(ada: httpx.AsyncClient, query: str, name: str) -> None:
    answer = await ada.get(f"/sessions?{query}")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["type"] == "urn:execution-broker:problem:invalid-parameter"
    assert f"`{name}`" in answer.json()["detail"]


async def test_the_addresses_of_pages_know_of_a_proxy(
    app: Starlette, ada: httpx.AsyncClient
) -> None:
    for _ in range(2):
        await ada.post("/direct", json=bodies.NOTEBOOK)
    transport = httpx.ASGITransport(app, root_path="/broker")
    auth = ("ada", "ada-password")
    base = "http://broker.test/broker"
    async with httpx.AsyncClient(transport=transport, base_url=base, auth=auth) as client:
        answer = await client.get("/sessions?limit=1")
        assert answer.json()["next"].startswith("/broker/sessions?limit=1&cursor=")
