"""VOSI 1.1: what registries and validators of the Virtual Observatory ask every service.

The models of these documents are heavy, and few ever ask: they are loaded at the first question.
"""

from typing import Any, Final

from starlette.responses import Response

from execution_broker.api.call import Call
from execution_broker.domain.errors import Unavailable

MEDIA_TYPE: Final = "text/xml"

BROKER: Final = "ivo://ivoa.net/std/ExecutionBroker#rest-1.0"
_VOSI: Final = "ivo://ivoa.net/std/VOSI"
_PASSWORD: Final = "ivo://ivoa.net/sso#BasicAA"  # noqa: S105 - the name of a method
_TOKEN: Final = "ivo://ivoa.net/sso#OpenID"  # noqa: S105 - the name of a method


async def capabilities(call: Call) -> Response:
    """Where the interfaces of this service are, and how to sign in to them."""
    from vo_models.vosi.capabilities import VOSICapabilities

    app = call.request.app
    base = (app.state.public_url or str(call.request.base_url)).rstrip("/")
    methods = [_PASSWORD, *([_TOKEN] if app.state.discovery_urls else [])]
    document = VOSICapabilities(
        capability=[
            _capability(BROKER, base, "base", methods),
            _capability(f"{_VOSI}#capabilities", f"{base}/capabilities", "full", []),
            _capability(f"{_VOSI}#availability", f"{base}/availability", "full", []),
        ]
    )
    return _answer(document)


async def availability(call: Call) -> Response:
    """Whether requests can be served; the notes say what is missing."""
    from vo_models.vosi.availability import Availability

    try:
        missing = [check.name for check in await call.services.status.ready() if check.fault]
    except Unavailable:
        missing = ["database"]
    notes = [f"{name} is not ready" for name in missing]
    return _answer(Availability(available=not missing, note=notes))


def _capability(standard: str, url: str, use: str, methods: list[str]) -> Any:
    """`methods`: how to sign in; without any, nobody needs to."""
    from vo_models.voresource.models import AccessURL, Capability, Interface, SecurityMethod

    interface: Any = Interface(
        version="1.0",
        role="std",
        type="vs:ParamHTTP",
        access_url=[AccessURL.model_validate({"value": url, "use": use})],
        security_method=[SecurityMethod.model_validate({"standard_id": one}) for one in methods],
    )
    return Capability.model_validate({"standard_id": standard, "interface": [interface]})


def _answer(document: Any) -> Response:
    text = document.to_xml(skip_empty=True, encoding="UTF-8", xml_declaration=True)
    return Response(text, media_type=MEDIA_TYPE)
