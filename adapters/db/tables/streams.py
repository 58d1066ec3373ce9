"""The journal, and what is wanted of streams."""

import sqlalchemy as sa

from adapters.db.columns import Json, RowId
from adapters.db.tables.making import at, index_where, maybe, maybe_at, metadata, number, text

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    at("created_at"),
    # Added to PostgreSQL transaction ids when positions are made, so that positions keep
    # growing after a restore into a cluster whose ids are lower.
    number("transaction_offset", server_default="0"),
    maybe("secret_fingerprint"),  # None until a process with a secret has started
    # Where this database sends mail from; a copy elsewhere finds another place and sends nothing.
    maybe("place"),
    maybe_at("placed_at"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("position", RowId, primary_key=True, autoincrement=True),
    text("owner"),
    text("stream"),
    number("version"),
    text("type"),
    sa.Column("data", Json, nullable=False),
    at("at"),
    maybe("command"),
    maybe("because"),
    sa.UniqueConstraint("stream", "version"),
    sa.Index("ix_journal_owner_position", "owner", "position"),
    sqlite_autoincrement=True,
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("owner"),
    text("kind"),
    text("stream"),
    text("state"),
    sa.Column("data", Json, nullable=False),
    at("accepted_at"),
    maybe_at("finished_at"),
    sa.Column("outcome", Json, nullable=True),
    sa.Index("ix_commands_stream", "stream"),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),  # method and path template
    sa.Column("key", sa.Text, primary_key=True),
    text("fingerprint"),
    text("command_id"),
    at("created_at"),
    sa.Index("ix_idempotency_keys_created_at", "created_at"),
)

inputs = sa.Table(
    "inputs",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    text("stream"),
    text("key", unique=True),
    # None while the mail behind it is unread; later inputs of the stream wait for it.
    sa.Column("body", Json, nullable=True),
    sa.Column("words", Json, nullable=True),  # what people wrote; personal, never in a history
    maybe("command_id"),
    sa.Column("inbox_id", sa.BigInteger, nullable=True),
    at("received_at"),
    maybe_at("poked_at"),
    maybe_at("taken_at"),  # when its outcome was recorded
    maybe("effect"),
    maybe("code"),
    maybe("detail"),
    sa.Index("ix_inputs_stream_id", "stream", "id"),
    sa.Index("ix_inputs_inbox_id", "inbox_id"),
    # Taking inputs and sweeping for untaken ones stay cheap however long the table grows.
    index_where("ix_inputs_untaken", "taken_at IS NULL", "stream", "id"),
    sqlite_autoincrement=True,
)
