"""Small files that identities send, to be used in their requests."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = sa.TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("uuid", _UUID, nullable=False),
        sa.Column("identity_id", _KEY, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], ondelete="CASCADE", name="fk_upload_identity_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_upload"),
        sa.UniqueConstraint("uuid", name="uq_upload_uuid"),
    )
    op.create_index("ix_upload_identity_id_id", "upload", ["identity_id", "id"])
    op.create_index("ix_upload_expires_at", "upload", ["expires_at"])
    op.create_table(
        "upload_chunk",
        sa.Column("upload_id", _KEY, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["upload.id"], ondelete="CASCADE", name="fk_upload_chunk_upload_id"
        ),
        sa.PrimaryKeyConstraint("upload_id", "number", name="pk_upload_chunk"),
    )


def downgrade() -> None:
    op.drop_table("upload_chunk")
    op.drop_table("upload")
