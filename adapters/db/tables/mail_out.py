"""Mail out, what became of it, and who wants none."""

import sqlalchemy as sa

from adapters.db.columns import RowId
from adapters.db.tables.making import at, index_where, maybe, maybe_at, metadata, text

IS_APART = (
    "state IN ('retry', 'held', 'uncertain', 'failed',"
    " 'suppressed', 'expired', 'cancelled', 'merged')"
)
"""The messages that are not simply on their way or sent. SQLite uses a partial index only for
queries that say its condition in the same words."""

NEEDS_ATTENTION = (
    "state IN ('uncertain', 'failed') OR (state = 'held' AND held_because = 'person')"
    " OR fate IN ('bounced', 'complained')"
)
"""The messages that somebody should look at: `domain.outbox.views.needs_attention` in SQL."""

ENDED_AT = "coalesce(sent_at, next_at)"
"""When a message was settled that is over: whatever ends it without sending writes it there."""

# An uncertain message may still be sent once more, with the same bytes.
KEEPS_RAW_IN_VAIN = (
    "raw_forgotten_at IS NULL"
    " AND state IN ('sent', 'failed', 'suppressed', 'expired', 'cancelled', 'merged')"
)
"""The messages that will not be sent again and still have their bytes."""

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    text("kind"),
    text("subject"),
    text("occasion"),
    text("recipient"),
    sa.Column("party", sa.Integer, nullable=True),
    text("owner"),
    text("mail_from"),
    text("message_id", unique=True),
    text("state"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    at("next_at"),
    maybe("dispatcher"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    maybe_at("lease_until"),
    maybe("last_reply"),
    at("created_at"),
    maybe_at("sent_at"),
    # Postage, as the draft said.
    sa.Column("priority", sa.Integer, nullable=False, server_default="1"),
    text("on_unknown", server_default="hold"),
    maybe_at("expires_at"),
    maybe("zone"),
    sa.Column("quiet", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("optional", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("revision", sa.BigInteger, nullable=True),
    # What shaping and suppression look at.
    text("folded_recipient", server_default=""),
    text("domain", server_default=""),
    maybe_at("paced_at"),  # the turn it was given, when its lane was full
    maybe("held_because"),
    # What became of it.
    maybe_at("tried_at"),  # since when it has been tried; NULL: it begins
    sa.Column("resends", sa.Integer, nullable=False, server_default="0"),  # after `uncertain`
    maybe("proof"),  # how `sent` is known
    maybe("fate"),  # what was heard of it afterwards
    maybe("signature"),  # DKIM header lines, made once, so that every attempt has equal bytes
    maybe("digest"),
    sa.Column("merged_into", sa.BigInteger, nullable=True),
    maybe("fingerprint"),  # of the request that asked for it
    maybe_at("raw_forgotten_at"),  # it has no row in `outbox_raw` since
    sa.UniqueConstraint("kind", "subject", "occasion", "recipient"),
    sa.Index("ix_outbox_subject", "subject"),
    index_where("ix_outbox_raw", KEEPS_RAW_IN_VAIN, sa.text(ENDED_AT)),
    sa.Index("ix_outbox_owner_id", "owner", "id"),
    sa.Index("ix_outbox_recipient", "folded_recipient", "sent_at"),
    index_where("ix_outbox_due", "state IN ('queued', 'retry', 'held')", "priority", "next_at"),
    index_where("ix_outbox_leased", "state IN ('claimed', 'sending')", "lease_until"),
    index_where("ix_outbox_uncertain", "state = 'uncertain'", "subject"),
    # What is seldom, found among very many that were sent.
    index_where("ix_outbox_apart", IS_APART, "owner", "state", "id"),
    index_where("ix_outbox_attention", NEEDS_ATTENTION, "owner", "id"),
    sqlite_autoincrement=True,
)

# Apart from `outbox`, whose rows are written anew three times for each message that is sent.
outbox_raw = sa.Table(
    "outbox_raw",
    metadata,
    sa.Column("message_id", RowId, primary_key=True, autoincrement=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
)

outbox_attempts = sa.Table(
    "outbox_attempts",
    metadata,
    sa.Column("message_id", sa.BigInteger, primary_key=True),
    sa.Column("token", sa.BigInteger, primary_key=True),
    at("at"),
    text("phase"),
    sa.Column("code", sa.Integer, nullable=True),
    text("reply"),
    text("state"),  # the state it led to
    maybe("server"),  # who was talked to, and how safely
    # Attempts in a row that the relay let down in the same way are one row, that of the newest:
    # `times` of them from `at` to `until`.
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    maybe_at("until"),
)

outbox_events = sa.Table(
    "outbox_events",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("message_id", sa.BigInteger, nullable=False),
    at("at"),
    text("type"),
    text("detail"),
    maybe("by"),  # the key of the person who did it
    sa.Index("ix_outbox_events_message_id", "message_id", "id"),
    sqlite_autoincrement=True,
)

outbox_lanes = sa.Table(
    "outbox_lanes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # `domain/example.org`, `kind/order.paid`, `all`
    at("free_at"),  # when the next message may go
    at("listed_to"),  # how far its waiting list reaches
    sa.Column("strikes", sa.Integer, nullable=False, server_default="0"),
    maybe_at("backs_off_until"),
    maybe("because"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    text("owner"),
    text("folded_address"),
    text("address"),
    text("scope"),
    text("reason"),
    text("detail"),
    sa.Column("message", sa.BigInteger, nullable=True),
    at("created_at"),
    maybe_at("until"),
    maybe_at("lifted_at"),
    # Reasons stand side by side: none ends another. The address first, as every claim asks by it.
    sa.UniqueConstraint("folded_address", "owner", "scope", "reason"),
    sa.Index("ix_suppressions_owner_id", "owner", "id"),
    sqlite_autoincrement=True,
)
