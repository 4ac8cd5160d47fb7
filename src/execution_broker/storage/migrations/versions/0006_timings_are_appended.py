"""Timings are appended, one row each: steps that end together do not wait for each other."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("timing")  # nothing was ever written to it
    op.create_table(
        "timing",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("platform_id", _KEY, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_timing"),
    )
    op.create_index("ix_timing_platform_id_name_id", "timing", ["platform_id", "name", "id"])


def downgrade() -> None:
    """What was learned is forgotten: the older table was never written to."""
    op.drop_table("timing")
    op.create_table(
        "timing",
        sa.Column(
            "platform_id",
            _KEY,
            sa.ForeignKey("platform.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("samples", sa.JSON().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column(
            "updated_at",
            sa.TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
    )
