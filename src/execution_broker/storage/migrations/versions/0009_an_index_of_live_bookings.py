"""Index what is booked now: what has ended stays as long, and nothing but an audit looks at it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = ["platform_id", "amount_name", "end_second"]
_EVERY = "ix_booking_platform_id_amount_name_end_second"


def upgrade() -> None:
    op.drop_index(_EVERY, table_name="booking")
    live = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_booking_live", "booking", _COLUMNS, sqlite_where=live, postgresql_where=live
    )


def downgrade() -> None:
    op.drop_index("ix_booking_live", table_name="booking")
    op.create_index(_EVERY, "booking", _COLUMNS)
