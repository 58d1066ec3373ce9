"""The bytes of messages in a table of their own: what is written anew at every step of sending is
then small."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "outbox_raw",
        sa.Column("message_id", ROW_ID, autoincrement=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_outbox_raw"),
    )
    op.execute(
        "INSERT INTO outbox_raw (message_id, raw)"
        " SELECT id, raw FROM outbox WHERE raw_forgotten_at IS NULL"
    )
    op.drop_column("outbox", "raw")


def downgrade() -> None:
    op.add_column("outbox", sa.Column("raw", sa.LargeBinary, nullable=False, server_default=""))
    op.execute(
        "UPDATE outbox SET raw = outbox_raw.raw FROM outbox_raw"
        " WHERE outbox_raw.message_id = outbox.id"
    )
    op.drop_table("outbox_raw")
