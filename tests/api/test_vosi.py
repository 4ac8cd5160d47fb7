"""What registries and validators of the Virtual Observatory ask."""

import subprocess
import sys

import httpx
from starlette.applications import Starlette
from vo_models.vosi.availability import Availability
from vo_models.vosi.capabilities import VOSICapabilities

from execution_broker.api.vosi import BROKER
from execution_broker.domain.errors import Unavailable
from tests.api import fakes


async def test_capabilities_say_where_everything_is(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/capabilities")
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    found = VOSICapabilities.from_xml(answer.content)
    urls = {
        str(one.standard_id): str(one.interface[0].access_url[0].value)
        for one in found.capability
        if one.interface
    }
    assert urls == {
        BROKER: "http://broker.test/",
        "ivo://ivoa.net/std/VOSI#capabilities": "http://broker.test/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": "http://broker.test/availability",
    }
    for url in list(urls.values())[1:]:
        assert (await anybody.get(url)).is_success


async def test_capabilities_say_how_to_sign_in(app: Starlette, anybody: httpx.AsyncClient) -> None:
    assert "ivo://ivoa.net/sso#BasicAA" in (await anybody.get("/capabilities")).text
    assert "ivo://ivoa.net/sso#OpenID" not in (await anybody.get("/capabilities")).text
    app.state.discovery_urls = ("https://issuer.example/.well-known/openid-configuration",)
    assert "ivo://ivoa.net/sso#OpenID" in (await anybody.get("/capabilities")).text


async def test_the_public_address_goes_before_that_of_the_request(
    app: Starlette, anybody: httpx.AsyncClient
) -> None:
    app.state.public_url = "https://broker.example.org/v1/"
    text = (await anybody.get("/capabilities")).text
    assert "https://broker.example.org/v1/availability" in text
    assert "broker.test" not in text


async def test_availability(world: fakes.World, anybody: httpx.AsyncClient) -> None:
    async def ask() -> tuple[bool, list[str]]:
        found = Availability.from_xml((await anybody.get("/availability")).content)
        return found.available, found.note or []

    assert await ask() == (True, [])
    world.checks = (fakes.Check("database", None), fakes.Check("platform here", "is away"))
    assert await ask() == (False, ["platform here is not ready"])
    world.broken = Unavailable("The database does not answer.")
    assert await ask() == (False, ["database is not ready"])


def test_the_heavy_models_are_loaded_only_for_this() -> None:
    code = (
        "import sys, execution_broker.api.app, execution_broker.factory, uvicorn;"
        "print([name for name in ('vo_models', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
