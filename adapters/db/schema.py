"""Every table of Parley. Migrations in `migrations/versions` bring a database here.

Views (`meetings`, `parties`) are written in the transaction of the events they follow from.
Instants are microseconds since 1970 (see `columns`).
"""

import sqlalchemy as sa

from adapters.db.columns import InstantColumn, Json, RowId
from domain.access import OPERATOR

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, **options: object) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)  # type: ignore[arg-type]  # passed on


def _maybe(name: str) -> sa.Column[str | None]:
    return sa.Column(name, sa.Text, nullable=True)


def _at(name: str) -> sa.Column[object]:
    return sa.Column(name, InstantColumn, nullable=False)


def _maybe_at(name: str) -> sa.Column[object]:
    return sa.Column(name, InstantColumn, nullable=True)


def _number(name: str, **options: object) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)  # type: ignore[arg-type]  # passed on


installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _at("created_at"),
    # Added to PostgreSQL transaction ids when positions are made, so that positions keep
    # growing after a restore into a cluster whose ids are lower.
    _number("transaction_offset", server_default="0"),
    _maybe("secret_fingerprint"),  # None until a process with a secret has started
    # Where this database sends mail from; a copy elsewhere finds another place and sends nothing.
    _maybe("place"),
    _maybe_at("placed_at"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("position", RowId, primary_key=True, autoincrement=True),
    _text("owner"),
    _text("stream"),
    _number("version"),
    _text("type"),
    sa.Column("data", Json, nullable=False),
    _at("at"),
    _maybe("command"),
    _maybe("because"),
    sa.UniqueConstraint("stream", "version"),
    sa.Index("ix_journal_owner_position", "owner", "position"),
    sqlite_autoincrement=True,
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("owner"),
    _text("kind"),
    _text("stream"),
    _text("state"),
    sa.Column("data", Json, nullable=False),
    _at("accepted_at"),
    _maybe_at("finished_at"),
    sa.Column("outcome", Json, nullable=True),
    sa.Index("ix_commands_stream", "stream"),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),  # method and path template
    sa.Column("key", sa.Text, primary_key=True),
    _text("fingerprint"),
    _text("command_id"),
    _at("created_at"),
    sa.Index("ix_idempotency_keys_created_at", "created_at"),
)

inputs = sa.Table(
    "inputs",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    _text("stream"),
    _text("key", unique=True),
    # None while the mail behind it is unread; later inputs of the stream wait for it.
    sa.Column("body", Json, nullable=True),
    sa.Column("words", Json, nullable=True),  # what people wrote; personal, never in a history
    _maybe("command_id"),
    sa.Column("inbox_id", sa.BigInteger, nullable=True),
    _at("received_at"),
    _maybe_at("poked_at"),
    _maybe_at("taken_at"),  # when its outcome was recorded
    _maybe("effect"),
    _maybe("code"),
    _maybe("detail"),
    sa.Index("ix_inputs_stream_id", "stream", "id"),
    sa.Index("ix_inputs_inbox_id", "inbox_id"),
    # Taking inputs and sweeping for untaken ones stay cheap however long the table grows.
    sa.Index(
        "ix_inputs_untaken",
        "stream",
        "id",
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("owner"),
    _text("name"),
    _text("address"),
    _text("folded_address"),
    _text("zone"),
    _number("version"),
    _at("created_at"),
    _at("updated_at"),
    sa.UniqueConstraint("owner", "folded_address"),
)

meetings = sa.Table(
    "meetings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("owner"),
    _text("title"),
    _text("description"),
    _text("location"),
    _text("organizer"),
    sa.Column("terms", Json, nullable=False),
    _text("status"),
    _number("sequence"),
    _maybe_at("starts_at"),
    _maybe_at("ends_at"),
    _maybe_at("answer_by"),
    _number("version"),
    _at("created_at"),
    _at("updated_at"),
    sa.Index("ix_meetings_owner_created_at", "owner", "created_at", "id"),
    sa.Index("ix_meetings_owner_status", "owner", "status"),
)

parties = sa.Table(
    "parties",
    metadata,
    sa.Column("meeting_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    _maybe("person_id"),
    _text("name"),
    _text("address"),
    _text("zone"),
    _text("uid"),
    sa.Column("shows_address", sa.Boolean, nullable=False),
    _text("partstat"),
    _maybe_at("answered_at"),
    sa.Column("unreachable", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_parties_address", sa.text("lower(address)")),
)

capabilities = sa.Table(
    "capabilities",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    _text("purpose"),
    _text("stream"),
    sa.Column("party", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    _maybe("address"),  # whose wish it is, where no party's row says so
    _at("created_at"),
    _maybe_at("revoked_at"),
    sa.Index("ix_capabilities_stream", "stream"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    _text("key", unique=True),
    _text("stream"),
    sa.Column("party", sa.Integer, nullable=False),
    _text("purpose"),
    _text("mail_from"),
    _text("source"),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    _at("received_at"),
    _maybe_at("read_at"),
    _maybe("verdict"),
    sa.Column("reading", Json, nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    _maybe_at("claimed_until"),
    sa.Column("copies", sa.Integer, nullable=False, server_default="1"),  # times it arrived
    sa.Column("about", sa.BigInteger, nullable=True),  # the message whose bounce address it came to
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),  # of its token
    sa.Column("replays", sa.Integer, nullable=False, server_default="0"),
    _maybe_at("raw_forgotten_at"),  # `raw` is empty since
    _text("owner", server_default=OPERATOR),
    sa.Index("ix_inbox_stream", "stream", "id"),
    # What an address holds is counted at every RCPT; rows would have to be read past `raw`.
    sa.Index("ix_inbox_token", "stream", "party", "purpose", "received_at", "read_at"),
    sa.Index(
        "ix_inbox_unread",
        "id",
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    ),
    sa.Index(
        "ix_inbox_unreadable",
        "owner",
        "id",
        sqlite_where=sa.text("verdict = 'unreadable'"),
        postgresql_where=sa.text("verdict = 'unreadable'"),
    ),
    # Finding what to forget does not read past what was forgotten long ago.
    sa.Index(
        "ix_inbox_raw",
        "received_at",
        sqlite_where=sa.text("raw_forgotten_at IS NULL"),
        postgresql_where=sa.text("raw_forgotten_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

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
    _text("kind"),
    _text("subject"),
    _text("occasion"),
    _text("recipient"),
    sa.Column("party", sa.Integer, nullable=True),
    _text("owner"),
    _text("mail_from"),
    _text("message_id", unique=True),
    _text("state"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    _at("next_at"),
    _maybe("dispatcher"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    _maybe_at("lease_until"),
    _maybe("last_reply"),
    _at("created_at"),
    _maybe_at("sent_at"),
    # Postage, as the draft said.
    sa.Column("priority", sa.Integer, nullable=False, server_default="1"),
    _text("on_unknown", server_default="hold"),
    _maybe_at("expires_at"),
    _maybe("zone"),
    sa.Column("quiet", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("optional", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("revision", sa.BigInteger, nullable=True),
    # What shaping and suppression look at.
    _text("folded_recipient", server_default=""),
    _text("domain", server_default=""),
    _maybe_at("paced_at"),  # the turn it was given, when its lane was full
    _maybe("held_because"),
    # What became of it.
    _maybe_at("tried_at"),  # since when it has been tried; NULL: it begins
    sa.Column("resends", sa.Integer, nullable=False, server_default="0"),  # after `uncertain`
    _maybe("proof"),  # how `sent` is known
    _maybe("fate"),  # what was heard of it afterwards
    _maybe("signature"),  # DKIM header lines, made once, so that every attempt has equal bytes
    _maybe("digest"),
    sa.Column("merged_into", sa.BigInteger, nullable=True),
    _maybe("fingerprint"),  # of the request that asked for it
    _maybe_at("raw_forgotten_at"),  # it has no row in `outbox_raw` since
    sa.UniqueConstraint("kind", "subject", "occasion", "recipient"),
    sa.Index("ix_outbox_subject", "subject"),
    sa.Index(
        "ix_outbox_raw",
        sa.text(ENDED_AT),
        sqlite_where=sa.text(KEEPS_RAW_IN_VAIN),
        postgresql_where=sa.text(KEEPS_RAW_IN_VAIN),
    ),
    sa.Index("ix_outbox_owner_id", "owner", "id"),
    sa.Index("ix_outbox_recipient", "folded_recipient", "sent_at"),
    sa.Index(
        "ix_outbox_due",
        "priority",
        "next_at",
        sqlite_where=sa.text("state IN ('queued', 'retry', 'held')"),
        postgresql_where=sa.text("state IN ('queued', 'retry', 'held')"),
    ),
    sa.Index(
        "ix_outbox_leased",
        "lease_until",
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    ),
    sa.Index(
        "ix_outbox_uncertain",
        "subject",
        sqlite_where=sa.text("state = 'uncertain'"),
        postgresql_where=sa.text("state = 'uncertain'"),
    ),
    # What is seldom, found among very many that were sent.
    sa.Index(
        "ix_outbox_apart",
        "owner",
        "state",
        "id",
        sqlite_where=sa.text(IS_APART),
        postgresql_where=sa.text(IS_APART),
    ),
    sa.Index(
        "ix_outbox_attention",
        "owner",
        "id",
        sqlite_where=sa.text(NEEDS_ATTENTION),
        postgresql_where=sa.text(NEEDS_ATTENTION),
    ),
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
    _at("at"),
    _text("phase"),
    sa.Column("code", sa.Integer, nullable=True),
    _text("reply"),
    _text("state"),  # the state it led to
    _maybe("server"),  # who was talked to, and how safely
    # Attempts in a row that the relay let down in the same way are one row, that of the newest:
    # `times` of them from `at` to `until`.
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    _maybe_at("until"),
)

outbox_events = sa.Table(
    "outbox_events",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("message_id", sa.BigInteger, nullable=False),
    _at("at"),
    _text("type"),
    _text("detail"),
    _maybe("by"),  # the key of the person who did it
    sa.Index("ix_outbox_events_message_id", "message_id", "id"),
    sqlite_autoincrement=True,
)

outbox_lanes = sa.Table(
    "outbox_lanes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # `domain/example.org`, `kind/order.paid`, `all`
    _at("free_at"),  # when the next message may go
    _at("listed_to"),  # how far its waiting list reaches
    sa.Column("strikes", sa.Integer, nullable=False, server_default="0"),
    _maybe_at("backs_off_until"),
    _maybe("because"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    _text("owner"),
    _text("folded_address"),
    _text("address"),
    _text("scope"),
    _text("reason"),
    _text("detail"),
    sa.Column("message", sa.BigInteger, nullable=True),
    _at("created_at"),
    _maybe_at("until"),
    _maybe_at("lifted_at"),
    # Reasons stand side by side: none ends another. The address first, as every claim asks by it.
    sa.UniqueConstraint("folded_address", "owner", "scope", "reason"),
    sqlite_autoincrement=True,
)

IS_HELD = "state = 'kept' AND raw_forgotten_at IS NULL"
"""The mails in quarantine that take room until somebody settles them."""

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    _text("key", unique=True),
    _text("source"),
    _text("reason"),
    _text("mail_from"),
    _text("recipient"),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    _at("received_at"),
    _text("state"),
    _maybe_at("settled_at"),
    sa.Column("inbox_id", sa.BigInteger, nullable=True),  # what a replay made of it
    sa.Column("copies", sa.Integer, nullable=False, server_default="1"),
    _maybe_at("raw_forgotten_at"),  # `raw` is empty since
    _text("owner", server_default=OPERATOR),
    _text("holding", server_default=""),  # what it counts against: an address, or a way in
    sa.Index("ix_quarantine_state", "state", "owner", "id"),
    sa.Index(
        "ix_quarantine_holding",
        "holding",
        sqlite_where=sa.text(IS_HELD),
        postgresql_where=sa.text(IS_HELD),
    ),
    sa.Index(
        "ix_quarantine_raw",
        "received_at",
        sqlite_where=sa.text("raw_forgotten_at IS NULL"),
        postgresql_where=sa.text("raw_forgotten_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

imap_mailboxes = sa.Table(
    "imap_mailboxes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # account and folder
    _number("uidvalidity"),
    _number("last_uid"),
    _at("updated_at"),
)

imap_mails = sa.Table(  # those that wait while others behind them are taken
    "imap_mails",
    metadata,
    sa.Column("mailbox", sa.Text, primary_key=True),
    sa.Column("uidvalidity", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("trouble"),
    sa.Column("attempts", sa.Integer, nullable=False),
    _at("next_at"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("owner"),
    _text("url"),
    sa.Column("events", Json, nullable=False),
    _text("secret"),
    _maybe("previous_secret"),  # signs beside the new one until then
    _maybe_at("previous_secret_until"),
    _text("state"),
    _maybe("disabled_because"),
    _maybe_at("failing_since"),
    _at("created_at"),
    sa.Index("ix_webhooks_owner", "owner"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("webhook_id"),
    sa.Column("position", sa.BigInteger, nullable=False),
    _text("type"),
    _text("state"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    _at("next_at"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    _maybe_at("lease_until"),
    sa.Column("last_status", sa.Integer, nullable=True),
    _maybe("last_error"),
    _at("created_at"),
    _maybe_at("delivered_at"),
    sa.UniqueConstraint("webhook_id", "position"),
    sa.Index(
        "ix_deliveries_due",
        "next_at",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    ),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("owner"),
    _text("name"),
    sa.Column("scopes", Json, nullable=False),
    _text("secret_hash"),
    _at("created_at"),
    _maybe_at("expires_at"),
    _maybe_at("revoked_at"),
    _maybe_at("last_used_at"),
)

ended_sessions = sa.Table(
    "ended_sessions",
    metadata,
    sa.Column("session_hash", sa.Text, primary_key=True),
    _at("until"),  # when it would have ended by itself
)

signed_requests = sa.Table(
    "signed_requests",
    metadata,
    sa.Column("mark", sa.Text, primary_key=True),
    _text("digest"),
    sa.Column("answer", Json, nullable=True),  # None: it was told to come again
    _at("until"),  # when its signature is too old to be repeated
    sa.Index("ix_signed_requests_until", "until"),
)
