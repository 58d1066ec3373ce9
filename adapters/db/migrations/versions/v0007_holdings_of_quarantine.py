"""What quarantine keeps is counted under a name, and is emptied by the time it came."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("quarantine", sa.Column("holding", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE quarantine SET holding = source WHERE reason = 'nobody'")
    _index("ix_quarantine_holding", "holding", "state = 'kept' AND raw_forgotten_at IS NULL")
    _index("ix_quarantine_raw", "received_at", "raw_forgotten_at IS NULL")


def downgrade() -> None:
    op.drop_index("ix_quarantine_raw", "quarantine")
    op.drop_index("ix_quarantine_holding", "quarantine")
    op.drop_column("quarantine", "holding")


def _index(name: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "quarantine", [column], sqlite_where=where, postgresql_where=where)
