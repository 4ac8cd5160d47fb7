"""The handlers of lists."""

from uuid import UUID

from starlette.responses import Response

from execution_broker.api import queries
from execution_broker.api.call import Call
from execution_broker.models.listing import OfferSetList, SessionList


async def list_sessions(call: Call) -> Response:
    query = call.request.query_params
    page, wanted = queries.page(query), queries.session_filter(query)
    found = await call.services.listing.sessions(call.identity, page, wanted)
    return call.answer_page(SessionList(sessions=found.summaries, next=_next(call, found.cursor)))


async def list_offersets(call: Call) -> Response:
    page = queries.page(call.request.query_params)
    found = await call.services.listing.offersets(call.identity, page)
    return call.answer_page(OfferSetList(offersets=found.summaries, next=_next(call, found.cursor)))


def _next(call: Call, cursor: UUID | None) -> str | None:
    """The same list, from there on."""
    if cursor is None:
        return None
    url = call.request.url.include_query_params(cursor=str(cursor))
    query = call.limits.hiding.text(f"?{url.query}")
    return call.location(f"{call.route_path}{query}")
