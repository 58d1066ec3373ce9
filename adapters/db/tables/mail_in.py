"""Mail in, and where it came from."""

import sqlalchemy as sa

from adapters.db.columns import Json, RowId
from adapters.db.tables.making import at, index_where, maybe, maybe_at, metadata, number, text
from domain.access import OPERATOR

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    text("key", unique=True),
    text("stream"),
    sa.Column("party", sa.Integer, nullable=False),
    text("purpose"),
    text("mail_from"),
    text("source"),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    at("received_at"),
    maybe_at("read_at"),
    maybe("verdict"),
    sa.Column("reading", Json, nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    maybe_at("claimed_until"),
    sa.Column("copies", sa.Integer, nullable=False, server_default="1"),  # times it arrived
    sa.Column("about", sa.BigInteger, nullable=True),  # the message whose bounce address it came to
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),  # of its token
    sa.Column("replays", sa.Integer, nullable=False, server_default="0"),
    maybe_at("raw_forgotten_at"),  # `raw` is empty since
    text("owner", server_default=OPERATOR),
    sa.Index("ix_inbox_stream", "stream", "id"),
    # What an address holds is counted at every RCPT; rows would have to be read past `raw`.
    sa.Index("ix_inbox_token", "stream", "party", "purpose", "received_at", "read_at"),
    index_where("ix_inbox_unread", "read_at IS NULL", "id"),
    index_where("ix_inbox_unreadable", "verdict = 'unreadable'", "owner", "id"),
    # Finding what to forget does not read past what was forgotten long ago.
    index_where("ix_inbox_raw", "raw_forgotten_at IS NULL", "received_at"),
    sqlite_autoincrement=True,
)

IS_HELD = "state = 'kept' AND raw_forgotten_at IS NULL"
"""The mails in quarantine that take room until somebody settles them."""

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    text("key", unique=True),
    text("source"),
    text("reason"),
    text("mail_from"),
    text("recipient"),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    at("received_at"),
    text("state"),
    maybe_at("settled_at"),
    sa.Column("inbox_id", sa.BigInteger, nullable=True),  # what a replay made of it
    sa.Column("copies", sa.Integer, nullable=False, server_default="1"),
    maybe_at("raw_forgotten_at"),  # `raw` is empty since
    text("owner", server_default=OPERATOR),
    text("holding", server_default=""),  # what it counts against: an address, or a way in
    sa.Index("ix_quarantine_state", "state", "owner", "id"),
    index_where("ix_quarantine_holding", IS_HELD, "holding"),
    index_where("ix_quarantine_raw", "raw_forgotten_at IS NULL", "received_at"),
    sqlite_autoincrement=True,
)

imap_mailboxes = sa.Table(
    "imap_mailboxes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # account and folder
    number("uidvalidity"),
    number("last_uid"),
    at("updated_at"),
)

imap_mails = sa.Table(  # those that wait while others behind them are taken
    "imap_mails",
    metadata,
    sa.Column("mailbox", sa.Text, primary_key=True),
    sa.Column("uidvalidity", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.BigInteger, primary_key=True, autoincrement=False),
    text("trouble"),
    sa.Column("attempts", sa.Integer, nullable=False),
    at("next_at"),
)

signed_requests = sa.Table(
    "signed_requests",
    metadata,
    sa.Column("mark", sa.Text, primary_key=True),
    text("digest"),
    sa.Column("answer", Json, nullable=True),  # None: it was told to come again
    at("until"),  # when its signature is too old to be repeated
    sa.Index("ix_signed_requests_until", "until"),
)
