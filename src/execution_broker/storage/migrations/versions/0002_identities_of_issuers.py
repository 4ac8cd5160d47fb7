"""Identities that an OIDC issuer vouches for: known by issuer and subject, without a password."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity", Column("issuer", Text))
    op.add_column("identity", Column("subject", Text))
    op.create_index("ix_identity_issuer_subject", "identity", ["issuer", "subject"], unique=True)


def downgrade() -> None:
    """Who was known by an issuer alone stays, and cannot sign in."""
    op.drop_index("ix_identity_issuer_subject", "identity")
    op.drop_column("identity", "subject")
    op.drop_column("identity", "issuer")
