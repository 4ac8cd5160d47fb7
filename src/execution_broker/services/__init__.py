"""Answers: what the HTTP interface asks for, from SQL and arithmetic alone."""

from dataclasses import dataclass

from execution_broker.services.identities import IdentitiesService
from execution_broker.services.listing import ListingService
from execution_broker.services.logbook import LogbookService
from execution_broker.services.offers import OffersService
from execution_broker.services.sessions import SessionsService
from execution_broker.services.status import StatusService
from execution_broker.services.subscriptions import SubscriptionsService
from execution_broker.services.uploads import UploadsService


@dataclass(frozen=True)
class Services:
    """Everything the HTTP interface may call."""

    offers: OffersService
    sessions: SessionsService
    identities: IdentitiesService
    status: StatusService
    listing: ListingService
    logbook: LogbookService
    uploads: UploadsService
    subscriptions: SubscriptionsService
