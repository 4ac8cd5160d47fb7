"""What the offers of an answer have in common is stored once, with the answer.

Rows that are there stay as they are, each document as a whole, and are read as before.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import JSON

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

DOCUMENT = JSON().with_variant(sa.Text(), "sqlite")
_PACK = """
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM pg_settings
        WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
    ) THEN
        ALTER TABLE offerset ALTER COLUMN asked SET COMPRESSION lz4;
    END IF;
END $$
"""


def upgrade() -> None:
    op.add_column("offerset", sa.Column("asked", DOCUMENT))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_PACK)


def downgrade() -> None:
    """An older version cannot put documents together: it gets none that are in parts."""
    query = sa.text("SELECT count(*) FROM offerset WHERE asked IS NOT NULL")
    in_parts = op.get_bind().execute(query).scalar_one()
    if in_parts:
        raise RuntimeError(
            f"{in_parts} answers are stored in a way that older versions cannot read. Put back the"
            " copy of the database that was made before the upgrade."
        )
    op.drop_column("offerset", "asked")
