"""What is held says since when it counts against the share of alternatives."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("booking", sa.Column("shared_second", sa.BigInteger()))


def downgrade() -> None:
    op.execute("DELETE FROM capacity WHERE amount_name LIKE '% of alternatives'")
    op.drop_column("booking", "shared_second")
