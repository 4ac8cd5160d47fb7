"""Everything that answers."""

import time
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog

from execution_broker.config import Identity, Negotiation, Settings, Uploads
from execution_broker.config import Issuer as IssuerSection
from execution_broker.domain.negotiation import Rules
from execution_broker.domain.resolve import Defaults
from execution_broker.domain.spans import NoTracer, Tracer
from execution_broker.factory.opening import Instance
from execution_broker.factory.parts import (
    make_ways,
    results_of,
)
from execution_broker.factory.randomness import random_uuids
from execution_broker.services import Services
from execution_broker.services.accounts import RecentAccounts
from execution_broker.services.booking.answering import Answering
from execution_broker.services.booking.calendars import Calendars
from execution_broker.services.booking.desk import Desk
from execution_broker.services.booking.rooms import Rooms
from execution_broker.services.identities import IdentitiesService
from execution_broker.services.limits import RequestRate
from execution_broker.services.listing import ListingService
from execution_broker.services.logbook import LogbookService
from execution_broker.services.negotiating import Negotiator
from execution_broker.services.offers import OffersService
from execution_broker.services.oidc import Bearers, Issuer, Timing
from execution_broker.services.passwords import Passwords
from execution_broker.services.probes import Probes
from execution_broker.services.reading import KeptAnswers, Readings, ReadOfferSets, ReadSessions
from execution_broker.services.sessions import SessionsService
from execution_broker.services.sign_ins import SignIns
from execution_broker.services.status import StatusService
from execution_broker.services.subscriptions import SubscriptionsService
from execution_broker.services.uploads import Allowance, UploadsService
from execution_broker.services.views import Viewing
from execution_broker.storage.database import Database

_KEPT_BYTES: Final = 8 << 20
"""The most that answers take that are kept as they were written."""


def make_services(
    database: Database,
    settings: Settings,
    instance: Instance,
    base_url: str,
    tracer: Tracer | None = None,
) -> Services:
    """Everything that answers. `base_url` begins the addresses in answers."""
    tracer = tracer or NoTracer()
    negotiation = settings.negotiation
    uploads = UploadsService(database, _allowance(settings.uploads), uuid4)
    located = frozenset(settings.serving["data_kinds"])
    probes = Probes(database, located, negotiation.probe_wait, uuid4, uploads, instance.ring)
    stale = timedelta(seconds=3 * settings.upkeep.report)
    calendars = Calendars()
    negotiator = Negotiator(
        database, calendars, probes, _rules(negotiation), _defaults(negotiation), stale
    )
    desk = Desk(database, calendars)
    answering = Answering(desk, negotiator, random_uuids, instance.ring, negotiation.budget, tracer)
    rooms = Rooms(database, calendars)
    rate = RequestRate(negotiation.requests_per_minute, time.monotonic)
    public_url = settings.http.public_url or base_url
    viewing = Viewing(public_url, settings.http.public_reading, instance.ring)
    kept = KeptAnswers(_KEPT_BYTES)
    offersets = ReadOfferSets(database, rooms, viewing)
    sessions = ReadSessions(database, rooms, viewing)
    return Services(
        offers=OffersService(
            database, answering, rooms, Readings(offersets, kept, viewing), rate, viewing
        ),
        sessions=SessionsService(
            database,
            desk,
            answering,
            rooms,
            Readings(sessions, kept, viewing),
            rate,
            viewing,
            results_of(settings),
            tracer,
        ),
        identities=_identities(database, settings.identity, instance.secret),
        status=StatusService(database, calendars, stale),
        listing=ListingService(database, viewing.base_url),
        logbook=LogbookService(database),
        uploads=uploads,
        subscriptions=SubscriptionsService(
            database, make_ways(settings), instance.ring, settings.notices.most, uuid4
        ),
    )


def _identities(database: Database, section: Identity, secret: bytes) -> IdentitiesService:
    issuers = [_issuer(name, one) for name, one in section.issuers.items()]
    timing = Timing(fresh=section.keys_fresh, kept=section.keys_kept)
    bearers = Bearers(
        issuers, time.time, time.monotonic, structlog.get_logger(), timing, section.issuer_timeout
    )
    passwords = Passwords(time.monotonic, secret)
    recent = RecentAccounts(time.monotonic)
    return IdentitiesService(database, passwords, recent, SignIns(database, secret), bearers, uuid4)


def _issuer(name: str, section: IssuerSection) -> Issuer:
    return Issuer(
        name=name,
        url=section.url,
        audiences=frozenset(section.audiences),
        algorithms=frozenset(section.algorithms),
        skew=section.skew,
        username_claim=section.username_claim,
        groups_claim=section.groups_claim,
        user_groups=frozenset(section.user_groups),
        administrator_groups=frozenset(section.administrator_groups),
    )


def _allowance(section: Uploads) -> Allowance:
    return Allowance(
        most=section.limit << 20,
        budget=section.budget << 20,
        keep=timedelta(seconds=section.keep),
    )


def _rules(section: Negotiation) -> Rules:
    return Rules(
        hold=section.hold,
        least_hold=section.least_hold,
        offers=section.offers,
        patience=section.patience,
    )


def _defaults(section: Negotiation) -> Defaults:
    return Defaults(
        default_cores=section.default_cores,
        default_memory=section.default_memory,
        duration=section.duration,
        look_ahead=section.look_ahead,
    )
