"""A mail knows the generation of the token it came to: a party may have others when it is read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("generation", sa.Integer, nullable=False, server_default="1"))
    # That of the newest token there was when the mail came.
    op.execute(
        "UPDATE inbox SET generation = coalesce("
        "(SELECT max(capabilities.generation) FROM capabilities"
        " WHERE capabilities.stream = inbox.stream AND capabilities.party = inbox.party"
        " AND capabilities.purpose = inbox.purpose"
        " AND capabilities.created_at <= inbox.received_at), 1)"
    )


def downgrade() -> None:
    op.drop_column("inbox", "generation")
