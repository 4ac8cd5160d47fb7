"""The tables, from which the migrations are made. Statements are in `sql/`, not here.

Integers are keys inside, UUIDs are for the outside. Columns named `..._at` hold instants:
timestamps with time zone, or integer microseconds on SQLite. Columns named `..._second` hold
whole epoch seconds. Documents are JSON text that SQL never looks into.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.types import JSON, TIMESTAMP, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
INSTANT: TypeEngine[Any] = TIMESTAMP(timezone=True).with_variant(Integer(), "sqlite")
UUID: TypeEngine[Any] = Uuid().with_variant(String(36), "sqlite")
DOCUMENT: TypeEngine[Any] = JSON().with_variant(Text(), "sqlite")

_LIVE = text("ended_at IS NULL")
_HELD = text("session_id IS NULL AND ended_at IS NULL")
_CONFIRMED = text("session_id IS NOT NULL AND ended_at IS NULL")


def _key() -> Column[int]:
    return Column("id", KEY, primary_key=True, autoincrement=True)


def _of(table: str, *, nullable: bool = False, primary: bool = False) -> Column[int]:
    name = f"{table}_id"
    return Column(
        name,
        KEY,
        ForeignKey(f"{table}.id", ondelete="CASCADE"),
        nullable=nullable,
        primary_key=primary,
    )


def _instant(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(f"{name}_at", INSTANT, nullable=nullable)


setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    _key(),
    Column("uuid", UUID, nullable=False, unique=True),
    Column("username", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("role", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    _instant("created", nullable=False),
    _instant("disabled"),
    Column("issuer", Text),
    Column("subject", Text),
    Index(None, "issuer", "subject", unique=True),
)

platform = Table(
    "platform",
    metadata,
    _key(),
    Column("name", Text, nullable=False, unique=True),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("capacity", DOCUMENT, nullable=False),
    Column("overcommitted", DOCUMENT),
    Column("capability", DOCUMENT),
    _instant("reported"),
    _instant("decided"),
)

capacity = Table(
    "capacity",
    metadata,
    _of("platform", primary=True),
    Column("amount_name", Text, primary_key=True),
    Column("set_at", INSTANT, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

offerset = Table(
    "offerset",
    metadata,
    _key(),
    Column("uuid", UUID, nullable=False, unique=True),
    _of("identity"),
    Column("result", Text, nullable=False),
    Column("format", Integer, nullable=False),
    Column("document", DOCUMENT, nullable=False),
    Column("plans", DOCUMENT, nullable=False),
    _instant("created", nullable=False),
    _instant("expires"),
    Index(None, "identity_id", "id"),
)

session = Table(
    "session",
    metadata,
    _key(),
    Column("uuid", UUID, nullable=False, unique=True),
    _of("offerset"),
    _of("identity"),
    _of("platform"),
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
    _instant("created", nullable=False),
    _instant("modified", nullable=False),
    _instant("expires", nullable=False),
    _instant("accepted"),
    _instant("started"),
    _instant("ends"),
    _instant("ended"),
    _instant("released"),
    Column("is_promise_broken", Integer, nullable=False, server_default="0"),
    Column("trace", Text),
    Index(None, "offerset_id"),
    Index(None, "identity_id", "id"),
    Index(None, "phase", "expires_at"),
)

component = Table(
    "component",
    metadata,
    _key(),
    _of("session"),
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
    _key(),
    _of("platform"),
    _of("identity"),
    Column("offerset_id", KEY, nullable=False),
    Column("session_id", KEY),
    Column("component", Text),
    Column("amount_name", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("start_second", BigInteger, nullable=False),
    Column("end_second", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("is_overrun", Integer, nullable=False, server_default="0"),
    _instant("made", nullable=False),
    _instant("expires"),
    _instant("ended"),
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
    _key(),
    Column("uuid", UUID, nullable=False),
    _of("session", nullable=True),
    _of("platform", nullable=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("unique_key", Text),
    Column("component", Text),
    Column("phase", Text, nullable=False),
    Column("needs", DOCUMENT),
    _instant("due", nullable=False),
    Column("processor_uuid", UUID),
    _instant("free"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("lapses", Integer, nullable=False, server_default="0"),
    Column("delays", Integer, nullable=False, server_default="0"),
    Column("payload", DOCUMENT, nullable=False, server_default="{}"),
    Column("result", DOCUMENT),
    _instant("created", nullable=False),
    _instant("ended"),
    Index(None, "free_at", postgresql_where=_CLAIMABLE, sqlite_where=_CLAIMABLE),
    Index(None, "session_id", "key", unique=True, postgresql_where=_PLANNED, sqlite_where=_PLANNED),
    Index(None, "unique_key", unique=True, postgresql_where=_UNIQUE, sqlite_where=_UNIQUE),
)
"""Every version of a row is entered in each index that it belongs to, and a step has many
versions: no more indexes than these, and each of what it finds only."""

receipt = Table(
    "receipt",
    metadata,
    _key(),
    _of("session"),
    _of("platform"),
    Column("component", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("handle", Text),
    _instant("intended", nullable=False),
    _instant("made"),
    _instant("gone"),
    UniqueConstraint("session_id", "component"),
)

event = Table(
    "event",
    metadata,
    _of("session", primary=True),
    Column("number", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("component", Text),
    Column("body", DOCUMENT, nullable=False),
    _instant("happened", nullable=False),
)

stream = Table(
    "stream",
    metadata,
    _of("session", primary=True),
    Column("name", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),
)

chunk = Table(
    "chunk",
    metadata,
    _of("session", primary=True),
    Column("name", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

output = Table(
    "output",
    metadata,
    _of("session", primary=True),
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)

timing = Table(
    "timing",
    metadata,
    _key(),
    Column("platform_id", KEY, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Float(53), nullable=False),
    Index(None, "platform_id", "name", "id"),
)
"""Append-only, and without a foreign key, which would wait for the capacity row of its platform."""

repetition = Table(
    "repetition",
    metadata,
    _of("identity", primary=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("uuid", UUID),
    Column("refusal", DOCUMENT),
    _instant("created", nullable=False),
    Index(None, "created_at"),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("key", Text, primary_key=True),
    Column("forgiven_second", BigInteger, nullable=False),
    Column("known_until_second", BigInteger, nullable=False),
)
"""How wrong passwords are counted, for all processes; `services/sign_ins.py` says what it means."""
