"""The bytes of a message are found by when it was over, not by when it was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_OVER = (
    "raw_forgotten_at IS NULL"
    " AND state IN ('sent', 'failed', 'suppressed', 'expired', 'cancelled', 'merged')"
)


def upgrade() -> None:
    op.drop_index("ix_outbox_raw", "outbox")
    # Some were held for ever when they were dropped.
    op.execute("UPDATE outbox SET next_at = created_at WHERE state = 'cancelled'")
    _index(sa.text("coalesce(sent_at, next_at)"), _OVER)


def downgrade() -> None:
    op.drop_index("ix_outbox_raw", "outbox")
    _index("created_at", "raw_forgotten_at IS NULL")


def _index(column: str | sa.TextClause, condition: str) -> None:
    where = sa.text(condition)
    op.create_index("ix_outbox_raw", "outbox", [column], sqlite_where=where, postgresql_where=where)
