"""Wrong passwords, counted for all processes together."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("forgiven_second", sa.BigInteger, nullable=False),
        sa.Column("known_until_second", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in"),
    )


def downgrade() -> None:
    op.drop_table("sign_in")
