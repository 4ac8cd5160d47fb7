"""The route table: routing, access checks and the OpenAPI document all come from it."""

from typing import Final

from execution_broker.api.routes.administration import ADMINISTRATION
from execution_broker.api.routes.base import Answer, Link, Parameter, Route
from execution_broker.api.routes.identities import IDENTITIES
from execution_broker.api.routes.lists import LISTS
from execution_broker.api.routes.negotiation import NEGOTIATION
from execution_broker.api.routes.sessions import SESSIONS
from execution_broker.api.routes.uploads import UPLOADS

ROUTES: Final = (*NEGOTIATION, *LISTS, *SESSIONS, *UPLOADS, *IDENTITIES, *ADMINISTRATION)

__all__ = ["ROUTES", "Answer", "Link", "Parameter", "Route"]
