"""What identities want to be told of their sessions, and where."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_NOTIFY = "urn:execution-broker:step:notify"


def upgrade() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("uuid", _UUID, nullable=False),
        sa.Column("identity_id", _KEY, nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("sent_at", _INSTANT),
        sa.Column("failed_at", _INSTANT),
        sa.Column("fault", sa.Text),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
            ondelete="CASCADE",
            name="fk_subscription_identity_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
        sa.UniqueConstraint("uuid", name="uq_subscription_uuid"),
    )
    op.create_index("ix_subscription_identity_id", "subscription", ["identity_id"])


def downgrade() -> None:
    """An older version knows no such kind of step."""
    op.execute(f"DELETE FROM step WHERE kind = '{_NOTIFY}'")  # noqa: S608 - a constant
    op.drop_table("subscription")
