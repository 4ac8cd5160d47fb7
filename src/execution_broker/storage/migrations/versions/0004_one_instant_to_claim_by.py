"""One instant to claim a step by, with an index of what can be claimed; timings; traces."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Text, text
from sqlalchemy.types import JSON, TIMESTAMP

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = BigInteger().with_variant(Integer(), "sqlite")
INSTANT = TIMESTAMP(timezone=True).with_variant(Integer(), "sqlite")
DOCUMENT = JSON().with_variant(Text(), "sqlite")


def upgrade() -> None:
    op.execute("ALTER TABLE step RENAME COLUMN leased_at TO free_at")
    op.execute("UPDATE step SET free_at = due_at WHERE phase <> 'RUNNING'")
    op.drop_index("ix_step_phase_due_at", table_name="step")
    claimable = text("phase IN ('READY', 'RUNNING')")
    op.create_index(
        "ix_step_free_at",
        "step",
        ["free_at"],
        postgresql_where=claimable,
        sqlite_where=claimable,
    )
    op.add_column("session", Column("trace", Text))
    op.create_table(
        "timing",
        Column("platform_id", KEY, ForeignKey("platform.id", ondelete="CASCADE"), primary_key=True),
        Column("name", Text, primary_key=True),
        Column("samples", DOCUMENT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("timing")
    op.drop_column("session", "trace")
    op.drop_index("ix_step_free_at", table_name="step")
    op.execute("ALTER TABLE step RENAME COLUMN free_at TO leased_at")
    op.execute("UPDATE step SET leased_at = NULL WHERE phase <> 'RUNNING'")
    op.create_index("ix_step_phase_due_at", "step", ["phase", "due_at"])
