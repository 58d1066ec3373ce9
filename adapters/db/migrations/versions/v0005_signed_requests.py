"""What signed requests were answered, for as long as they can be repeated."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "signed_requests",
        sa.Column("mark", sa.Text),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("answer", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_signed_requests"),
    )
    op.create_index("ix_signed_requests_until", "signed_requests", ["until"])


def downgrade() -> None:
    op.drop_table("signed_requests")
