"""A key that tells an entry of the journal from its repetition."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("journal", sa.Column("key", sa.Text))
    op.create_index(
        "journal_by_key",
        "journal",
        ["session_id", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_index("journal_by_key", "journal")
    op.drop_column("journal", "key")
