"""What mail that leaves once and is never lost needs: postage and pace of messages, suppressed
addresses, mail that could not be given to anybody, and where an installation sends from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = "state IN ('queued', 'retry', 'held')"
_APART = (
    "state IN ('retry', 'held', 'uncertain', 'failed',"
    " 'suppressed', 'expired', 'cancelled', 'merged')"
)
_ATTENTION = (
    "state IN ('uncertain', 'failed') OR (state = 'held' AND held_because = 'person')"
    " OR fate IN ('bounced', 'complained')"
)


def upgrade() -> None:
    _extend("installation", sa.Column("place", sa.Text), sa.Column("placed_at", sa.BigInteger))
    _extend(
        "inbox",
        sa.Column("about", sa.BigInteger),
        sa.Column("replays", sa.Integer, nullable=False, server_default="0"),
        sa.Column("raw_forgotten_at", sa.BigInteger),
    )
    _extend("capabilities", sa.Column("address", sa.Text))
    _extend(
        "parties",
        sa.Column("unreachable", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    _index_where("ix_inbox_unreadable", "inbox", "id", "verdict = 'unreadable'")
    _index_where("ix_inbox_raw", "inbox", "received_at", "raw_forgotten_at IS NULL")
    _extend_outbox()
    _index_where("ix_outbox_raw", "outbox", "created_at", "raw_forgotten_at IS NULL")
    _extend("outbox_attempts", sa.Column("server", sa.Text))
    _create_outbox_events()
    _create_outbox_lanes()
    _create_suppressions()
    _create_quarantine()
    _create_imap_mailboxes()


def downgrade() -> None:
    for table in (
        "imap_mailboxes",
        "quarantine",
        "suppressions",
        "outbox_lanes",
        "outbox_events",
    ):
        op.drop_table(table)
    _shrink("outbox_attempts", "server")
    _shrink("parties", "unreachable")
    _shrink("capabilities", "address")
    for index in (
        "ix_outbox_raw",
        *("ix_outbox_attention", "ix_outbox_apart", "ix_outbox_uncertain"),
        *("ix_outbox_recipient", "ix_outbox_owner_id"),
    ):
        op.drop_index(index, "outbox")
    op.drop_index("ix_outbox_due", "outbox")
    _shrink("outbox", *_OUTBOX_COLUMNS)
    due = sa.text("state IN ('queued', 'retry')")
    op.create_index("ix_outbox_due", "outbox", ["next_at"], sqlite_where=due, postgresql_where=due)
    op.drop_index("ix_inbox_raw", "inbox")
    op.drop_index("ix_inbox_unreadable", "inbox")
    _shrink("inbox", "about", "replays", "raw_forgotten_at")
    _shrink("installation", "place", "placed_at")


def _extend(table: str, *columns: sa.Column[object]) -> None:
    for column in columns:
        op.add_column(table, column)


def _shrink(table: str, *columns: str) -> None:
    for column in columns:
        op.drop_column(table, column)


_OUTBOX_COLUMNS = (
    *("priority", "on_unknown", "expires_at", "zone", "quiet", "optional", "revision"),
    *("folded_recipient", "domain", "paced_at", "held_because", "tried_at", "resends"),
    *("proof", "fate", "signature", "digest", "merged_into", "fingerprint", "raw_forgotten_at"),
)


def _extend_outbox() -> None:
    _extend(
        "outbox",
        sa.Column("priority", sa.Integer, nullable=False, server_default="1"),
        sa.Column("on_unknown", sa.Text, nullable=False, server_default="hold"),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("zone", sa.Text),
        sa.Column("quiet", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("optional", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("revision", sa.BigInteger),
        sa.Column("folded_recipient", sa.Text, nullable=False, server_default=""),
        sa.Column("domain", sa.Text, nullable=False, server_default=""),
        sa.Column("paced_at", sa.BigInteger),
        sa.Column("held_because", sa.Text),
        sa.Column("tried_at", sa.BigInteger),
        sa.Column("resends", sa.Integer, nullable=False, server_default="0"),
        sa.Column("proof", sa.Text),
        sa.Column("fate", sa.Text),
        sa.Column("signature", sa.Text),
        sa.Column("digest", sa.Text),
        sa.Column("merged_into", sa.BigInteger),
        sa.Column("fingerprint", sa.Text),
        sa.Column("raw_forgotten_at", sa.BigInteger),
    )
    _fill_outbox()
    _index_outbox()


def _fill_outbox() -> None:
    """Addresses are ASCII, so that `lower` is enough on both engines."""
    at = "instr(recipient, '@')" if _is_sqlite() else "position('@' in recipient)"
    op.execute(
        "UPDATE outbox SET folded_recipient = lower(recipient), "
        f"domain = lower(substr(recipient, {at} + 1))"
    )
    op.execute("UPDATE outbox SET tried_at = created_at WHERE attempts > 0")
    op.execute("UPDATE outbox SET proof = 'reply' WHERE state = 'sent'")


def _index_outbox() -> None:
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["priority", "next_at"],
        sqlite_where=sa.text(_WAITING),
        postgresql_where=sa.text(_WAITING),
    )
    op.create_index("ix_outbox_owner_id", "outbox", ["owner", "id"])
    op.create_index("ix_outbox_recipient", "outbox", ["folded_recipient", "sent_at"])
    op.create_index(
        "ix_outbox_uncertain",
        "outbox",
        ["subject"],
        sqlite_where=sa.text("state = 'uncertain'"),
        postgresql_where=sa.text("state = 'uncertain'"),
    )
    for name, columns, condition in (
        ("ix_outbox_apart", ["owner", "state", "id"], _APART),
        ("ix_outbox_attention", ["owner", "id"], _ATTENTION),
    ):
        where = sa.text(condition)
        op.create_index(name, "outbox", columns, sqlite_where=where, postgresql_where=where)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _create_outbox_events() -> None:
    op.create_table(
        "outbox_events",
        sa.Column("id", ROW_ID, autoincrement=True),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_events_message_id", "outbox_events", ["message_id", "id"])


def _create_outbox_lanes() -> None:
    op.create_table(
        "outbox_lanes",
        sa.Column("name", sa.Text),
        sa.Column("free_at", sa.BigInteger, nullable=False),
        sa.Column("listed_to", sa.BigInteger, nullable=False),
        sa.Column("strikes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("backs_off_until", sa.BigInteger, nullable=True),
        sa.Column("because", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_outbox_lanes"),
    )


def _create_suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", ROW_ID, autoincrement=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("folded_address", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("message", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=True),
        sa.Column("lifted_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
        sa.UniqueConstraint(
            "owner", "folded_address", "scope", name="uq_suppressions_owner_folded_address_scope"
        ),
        sqlite_autoincrement=True,
    )


def _index_where(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", ROW_ID, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("mail_from", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("settled_at", sa.BigInteger, nullable=True),
        sa.Column("inbox_id", sa.BigInteger, nullable=True),
        sa.Column("copies", sa.Integer, nullable=False, server_default="1"),
        sa.Column("raw_forgotten_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("key", name="uq_quarantine_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quarantine_state", "quarantine", ["state", "id"])


def _create_imap_mailboxes() -> None:
    op.create_table(
        "imap_mailboxes",
        sa.Column("name", sa.Text),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("last_uid", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_imap_mailboxes"),
    )
