"""The mails of a watched mailbox that wait while those behind them are taken."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "imap_mails",
        sa.Column("mailbox", sa.Text),
        sa.Column("uidvalidity", sa.BigInteger),
        sa.Column("uid", sa.BigInteger),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("mailbox", "uidvalidity", "uid", name="pk_imap_mails"),
    )


def downgrade() -> None:
    op.drop_table("imap_mails")
