"""The tables, from which the migrations are made. Statements are in `sql/`, not here.

Integers are keys inside, UUIDs are for the outside. Columns named `..._at` hold instants:
timestamps with time zone, or integer microseconds on SQLite. Columns named `..._second` hold
whole epoch seconds. Documents are JSON text that SQL never looks into.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from execution_broker.storage.columns import (
    DOCUMENT,
    INSTANT,
    KEY,
    UUID,
    instant,
    key,
    metadata,
    of,
)
from execution_broker.storage.identity_tables import (
    repetition,
    sign_in,
    subscription,
    upload,
    upload_chunk,
)

__all__ = ["metadata", "repetition", "sign_in", "subscription", "upload", "upload_chunk"]
"""With the tables below: who has the metadata from here has them, too."""

_LIVE = text("ended_at IS NULL")
_HELD = text("session_id IS NULL AND ended_at IS NULL")
_CONFIRMED = text("session_id IS NOT NULL AND ended_at IS NULL")

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    key(),
    Column("uuid", UUID, nullable=False, unique=True),
    Column("username", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("role", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    instant("created", nullable=False),
    instant("disabled"),
    Column("issuer", Text),
    Column("subject", Text),
    Index(None, "issuer", "subject", unique=True),
)

platform = Table(
    "platform",
    metadata,
    key(),
    Column("name", Text, nullable=False, unique=True),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("capacity", DOCUMENT, nullable=False),
    Column("capability", DOCUMENT),
    instant("reported"),
    instant("decided"),
)

capacity = Table(
    "capacity",
    metadata,
    of("platform", primary=True),
    Column("amount_name", Text, primary_key=True),
    Column("set_at", INSTANT, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

offerset = Table(
    "offerset",
    metadata,
    key(),
    Column("uuid", UUID, nullable=False, unique=True),
    of("identity"),
    Column("result", Text, nullable=False),
    Column("format", Integer, nullable=False),
    Column("document", DOCUMENT, nullable=False),
    Column("plans", DOCUMENT, nullable=False),
    Column("asked", DOCUMENT),
    instant("created", nullable=False),
    instant("expires"),
    Index(None, "identity_id", "id"),
)

secret = Table(
    "secret",
    metadata,
    of("offerset", primary=True),
    Column("component", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Sealed, as are `connectors` of sessions."""

session = Table(
    "session",
    metadata,
    key(),
    Column("uuid", UUID, nullable=False, unique=True),
    of("offerset"),
    of("identity"),
    of("platform"),
    Column("phase", Text, nullable=False),
    Column("events", Integer, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("format", Integer, nullable=False),
    Column("document", DOCUMENT, nullable=False),
    Column("terms", DOCUMENT, nullable=False),
    Column("name", Text),
    Column("description", Text),
    Column("facts", DOCUMENT, nullable=False, server_default="{}"),
    Column("connectors", DOCUMENT, nullable=False, server_default="[]"),
    Column("messages", DOCUMENT, nullable=False, server_default="[]"),
    instant("created", nullable=False),
    instant("modified", nullable=False),
    instant("expires", nullable=False),
    instant("accepted"),
    instant("started"),
    instant("ends"),
    instant("ended"),
    instant("released"),
    Column("is_promise_broken", Integer, nullable=False, server_default="0"),
    Column("trace", Text),
    Index(None, "offerset_id"),
    Index(None, "identity_id", "id"),
    Index(None, "phase", "expires_at"),
)

component = Table(
    "component",
    metadata,
    key(),
    of("session"),
    Column("key", Text, nullable=False),
    Column("uuid", UUID, nullable=False),
    Column("phase", Text, nullable=False),
    Column("handle", Text),
    Column("progress", DOCUMENT),
    Column("messages", DOCUMENT, nullable=False, server_default="[]"),
    UniqueConstraint("session_id", "key"),
)

booking = Table(
    "booking",
    metadata,
    key(),
    of("platform"),
    of("identity"),
    Column("offerset_id", KEY, nullable=False),
    Column("session_id", KEY),
    Column("component", Text),
    Column("amount_name", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("start_second", BigInteger, nullable=False),
    Column("end_second", BigInteger, nullable=False),
    Column("shared_second", BigInteger),
    Column("version", BigInteger, nullable=False),
    instant("made", nullable=False),
    instant("expires"),
    instant("ended"),
    CheckConstraint("start_second < end_second", name="interval"),
    CheckConstraint("amount > 0", name="amount"),
    Index(
        "ix_booking_live",
        "platform_id",
        "amount_name",
        "end_second",
        postgresql_where=_LIVE,
        sqlite_where=_LIVE,
    ),
    Index(None, "platform_id", "version"),
    Index(None, "offerset_id", postgresql_where=_LIVE, sqlite_where=_LIVE),
    Index(None, "session_id", postgresql_where=_CONFIRMED, sqlite_where=_CONFIRMED),
    Index("ix_booking_held", "identity_id", postgresql_where=_HELD, sqlite_where=_HELD),
)

_CLAIMABLE = text("phase IN ('READY', 'RUNNING')")
"""`free_at` of a step: when it is due, or while it is RUNNING, when its lease lapses."""
_PLANNED = text("session_id IS NOT NULL")
_UNIQUE = text("unique_key IS NOT NULL")

step = Table(
    "step",
    metadata,
    key(),
    Column("uuid", UUID, nullable=False),
    of("session", nullable=True),
    of("platform", nullable=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("unique_key", Text),
    Column("component", Text),
    Column("phase", Text, nullable=False),
    Column("needs", DOCUMENT),
    instant("due", nullable=False),
    Column("processor_uuid", UUID),
    instant("free"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("lapses", Integer, nullable=False, server_default="0"),
    Column("delays", Integer, nullable=False, server_default="0"),
    Column("payload", DOCUMENT, nullable=False, server_default="{}"),
    Column("result", DOCUMENT),
    instant("created", nullable=False),
    instant("ended"),
    Index(None, "free_at", postgresql_where=_CLAIMABLE, sqlite_where=_CLAIMABLE),
    Index(None, "session_id", "key", unique=True, postgresql_where=_PLANNED, sqlite_where=_PLANNED),
    Index(None, "unique_key", unique=True, postgresql_where=_UNIQUE, sqlite_where=_UNIQUE),
)
"""Each of the many versions of a step is entered in each index: there are no more than these."""

receipt = Table(
    "receipt",
    metadata,
    key(),
    of("session"),
    of("platform"),
    Column("component", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("handle", Text),
    instant("intended", nullable=False),
    instant("made"),
    instant("gone"),
    UniqueConstraint("session_id", "component"),
)

event = Table(
    "event",
    metadata,
    of("session", primary=True),
    Column("number", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("component", Text),
    Column("body", DOCUMENT, nullable=False),
    instant("happened", nullable=False),
)

stream = Table(
    "stream",
    metadata,
    of("session", primary=True),
    Column("name", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),
)

chunk = Table(
    "chunk",
    metadata,
    of("session", primary=True),
    Column("name", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

output = Table(
    "output",
    metadata,
    of("session", primary=True),
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)

timing = Table(
    "timing",
    metadata,
    key(),
    Column("platform_id", KEY, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Float(53), nullable=False),
    Index(None, "platform_id", "name", "id"),
)
"""Append-only, and without a foreign key, which would wait for the capacity row of its platform."""
