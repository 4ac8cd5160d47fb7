"""Requests that may be repeated under a key, and lists of what is one's own."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_DOCUMENT = sa.JSON().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "repetition",
        sa.Column(
            "identity_id",
            _KEY,
            sa.ForeignKey("identity.id", ondelete="CASCADE", name="fk_repetition_identity_id"),
            primary_key=True,
        ),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("uuid", _UUID),
        sa.Column("refusal", _DOCUMENT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("identity_id", "key", name="pk_repetition"),
    )
    op.create_index("ix_repetition_created_at", "repetition", ["created_at"])
    op.create_index("ix_offerset_identity_id_id", "offerset", ["identity_id", "id"])
    op.create_index("ix_session_identity_id_id", "session", ["identity_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_session_identity_id_id", "session")
    op.drop_index("ix_offerset_identity_id_id", "offerset")
    op.drop_table("repetition")
