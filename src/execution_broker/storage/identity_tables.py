"""The tables of what identities have done and sent: requests, sign-ins, uploads, subscriptions."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from execution_broker.storage.columns import DOCUMENT, UUID, instant, key, metadata, of

repetition = Table(
    "repetition",
    metadata,
    of("identity", primary=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("uuid", UUID),
    Column("refusal", DOCUMENT),
    instant("created", nullable=False),
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

upload = Table(
    "upload",
    metadata,
    key(),
    Column("uuid", UUID, nullable=False, unique=True),
    of("identity"),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text),
    instant("created", nullable=False),
    instant("expires", nullable=False),
    Index(None, "identity_id", "id"),
    Index(None, "expires_at"),
)
"""Without `sha256` it has not arrived as a whole; `size` is what was announced."""

subscription = Table(
    "subscription",
    metadata,
    key(),
    Column("uuid", UUID, nullable=False, unique=True),
    of("identity"),
    Column("way", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("value", Text, nullable=False),
    instant("created", nullable=False),
    instant("sent"),
    instant("failed"),
    Column("fault", Text),
    Index(None, "identity_id"),
)
"""`value`, where somebody is told and with what secret, is sealed."""

upload_chunk = Table(
    "upload_chunk",
    metadata,
    of("upload", primary=True),
    Column("number", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
