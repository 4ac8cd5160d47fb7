"""Secrets of requests have a table of their own, sealed; connectors are sealed where they are."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "secret",
        sa.Column("offerset_id", _KEY, nullable=False),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["offerset_id"], ["offerset.id"], ondelete="CASCADE", name="fk_secret_offerset_id"
        ),
        sa.PrimaryKeyConstraint("offerset_id", "component", name="pk_secret"),
    )


def downgrade() -> None:
    """An older version cannot open what is sealed: there are no connectors for it."""
    op.execute("UPDATE session SET connectors = '[]' WHERE CAST(connectors AS TEXT) LIKE '\"%'")
    op.drop_table("secret")
