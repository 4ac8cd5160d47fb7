"""A plan becomes steps when its preparation begins; until then one of them is a row. And what is
booked now is found by its answer or session in indexes that what has ended has left."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_LIVE = {
    "offerset_id": "ended_at IS NULL",
    "session_id": "session_id IS NOT NULL AND ended_at IS NULL",
}


def upgrade() -> None:
    """What is DORMANT before its session is prepared is made from the plan when it is due."""
    op.execute(
        "DELETE FROM step WHERE phase = 'DORMANT' AND session_id IN"
        " (SELECT id FROM session WHERE phase IN ('ACCEPTED', 'WAITING'))"
    )
    for column, live in _LIVE.items():
        name, where = f"ix_booking_{column}", sa.text(live)
        op.drop_index(name, table_name="booking")
        op.create_index(name, "booking", [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """The steps cannot be made here: let what waits for its preparation be prepared, or cancel it,
    before an older version gets this database."""
    for column in _LIVE:
        op.drop_index(f"ix_booking_{column}", table_name="booking")
        op.create_index(f"ix_booking_{column}", "booking", [column])
