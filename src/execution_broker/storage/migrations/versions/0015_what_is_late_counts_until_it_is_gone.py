"""What is late to be released counts until it is, and no row is written for that.

Nothing prolongs bookings any more: a booking that had been prolonged, row by row, is again the one
row that was confirmed, and it ends when the last of its rows did. When more is booked than there
is follows from the bookings, too.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import JSON

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

DOCUMENT = JSON().with_variant(sa.Text(), "sqlite")
_LATER = """
    FROM booking AS later
    WHERE later.is_overrun = 1 AND later.id > booking.id
      AND later.session_id = booking.session_id AND later.component = booking.component
      AND later.amount_name = booking.amount_name
"""
_JOIN = """
UPDATE booking
SET ended_at = (SELECT later.ended_at {later} ORDER BY later.id DESC LIMIT 1)
WHERE is_overrun = 0 AND EXISTS (SELECT 1 {later}) AND id IN (
    SELECT max(one.id) FROM booking AS one
    WHERE one.is_overrun = 0 AND one.session_id IS NOT NULL
    GROUP BY one.session_id, one.component, one.amount_name
)
"""


def upgrade() -> None:
    op.execute(_JOIN.format(later=_LATER))
    op.execute("DELETE FROM booking WHERE is_overrun = 1")
    op.execute("DELETE FROM step WHERE kind = 'urn:execution-broker:step:prolong'")
    op.drop_column("booking", "is_overrun")
    op.drop_column("platform", "overcommitted")


def downgrade() -> None:
    """An older version finds out again what is late, and what is too much."""
    op.add_column("platform", sa.Column("overcommitted", DOCUMENT))
    op.add_column(
        "booking", sa.Column("is_overrun", sa.Integer(), nullable=False, server_default="0")
    )
