"""What the audit needs: capacities as they were, decisions in order; names that can be changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_HELD = "session_id IS NULL AND ended_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "capacity",
        sa.Column(
            "platform_id",
            _KEY,
            sa.ForeignKey("platform.id", ondelete="CASCADE", name="fk_capacity_platform_id"),
            primary_key=True,
        ),
        sa.Column("amount_name", sa.Text, primary_key=True),
        sa.Column("set_at", _INSTANT, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("platform_id", "amount_name", "set_at", name="pk_capacity"),
    )
    op.add_column("platform", sa.Column("decided_at", _INSTANT))
    op.add_column("session", sa.Column("name", sa.Text))
    op.add_column("session", sa.Column("description", sa.Text))
    op.add_column(
        "booking", sa.Column("is_overrun", sa.Integer, nullable=False, server_default="0")
    )
    op.create_index(
        "ix_booking_held",
        "booking",
        ["identity_id"],
        sqlite_where=sa.text(_HELD),
        postgresql_where=sa.text(_HELD),
    )


def downgrade() -> None:
    op.drop_index("ix_booking_held", "booking")
    for table, column in (
        ("booking", "is_overrun"),
        ("session", "description"),
        ("session", "name"),
        ("platform", "decided_at"),
    ):
        op.drop_column(table, column)
    op.drop_table("capacity")
