"""Whose a mail in the inbox or in quarantine is: owners do not read each other's."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_UNREADABLE = sa.text("verdict = 'unreadable'")


def upgrade() -> None:
    for table in ("inbox", "quarantine"):
        op.add_column(table, sa.Column("owner", sa.Text, nullable=False, server_default="main"))
    _fill_inbox()
    _index(["owner", "id"], ["state", "owner", "id"])


def downgrade() -> None:
    _index(["id"], ["state", "id"])
    for table in ("inbox", "quarantine"):
        op.drop_column(table, "owner")


def _fill_inbox() -> None:
    """What is in quarantine already stays the operator's, who alone may give it away."""
    op.execute(
        "UPDATE inbox SET owner = meetings.owner FROM meetings"
        " WHERE inbox.stream = 'meeting/' || meetings.id AND meetings.owner <> 'main'"
    )
    inbox = sa.table("inbox", sa.column("stream", sa.Text), sa.column("owner", sa.Text))
    named = inbox.c.stream.like("external/%") | inbox.c.stream.like("recipient/%")
    streams = sa.select(inbox.c.stream).where(named).distinct()
    for stream in op.get_bind().execute(streams).scalars().all():
        owner = stream.split("/")[1]
        op.execute(sa.update(inbox).where(inbox.c.stream == stream).values(owner=owner))


def _index(unreadable: list[str], state: list[str]) -> None:
    """Both tell owners apart without reading past the bytes of mails."""
    op.drop_index("ix_inbox_unreadable", "inbox")
    op.create_index(
        "ix_inbox_unreadable",
        "inbox",
        unreadable,
        sqlite_where=_UNREADABLE,
        postgresql_where=_UNREADABLE,
    )
    op.drop_index("ix_quarantine_state", "quarantine")
    op.create_index("ix_quarantine_state", "quarantine", state)
