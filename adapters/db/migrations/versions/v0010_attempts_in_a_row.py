"""Attempts in a row that the relay let down in the same way are one row."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("outbox_attempts") as table:
        table.add_column(sa.Column("times", sa.Integer, nullable=False, server_default="1"))
        table.add_column(sa.Column("until", sa.BigInteger))


def downgrade() -> None:
    with op.batch_alter_table("outbox_attempts") as table:
        table.drop_column("until")
        table.drop_column("times")
