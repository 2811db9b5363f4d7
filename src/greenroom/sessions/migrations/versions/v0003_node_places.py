"""Where a node's avatars are reached, and the labels it goes by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COLUMNS = ("address", "cluster", "pod")


def upgrade() -> None:
    """Add the columns."""
    for name in _COLUMNS:
        op.add_column("nodes", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    for name in _COLUMNS:
        op.drop_column("nodes", name)
