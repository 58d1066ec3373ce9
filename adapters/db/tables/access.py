"""Who else may ask, or is told: webhooks, keys, sessions."""

import sqlalchemy as sa

from adapters.db.columns import Json
from adapters.db.tables.making import at, index_where, maybe, maybe_at, metadata, text

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("owner"),
    text("url"),
    sa.Column("events", Json, nullable=False),
    text("secret"),
    maybe("previous_secret"),  # signs beside the new one until then
    maybe_at("previous_secret_until"),
    text("state"),
    maybe("disabled_because"),
    maybe_at("failing_since"),
    at("created_at"),
    sa.Index("ix_webhooks_owner", "owner"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("webhook_id"),
    sa.Column("position", sa.BigInteger, nullable=False),
    text("type"),
    text("state"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    at("next_at"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    maybe_at("lease_until"),
    sa.Column("last_status", sa.Integer, nullable=True),
    maybe("last_error"),
    at("created_at"),
    maybe_at("delivered_at"),
    sa.UniqueConstraint("webhook_id", "position"),
    index_where("ix_deliveries_due", "state = 'pending'", "next_at"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("owner"),
    text("name"),
    sa.Column("scopes", Json, nullable=False),
    text("secret_hash"),
    at("created_at"),
    maybe_at("expires_at"),
    maybe_at("revoked_at"),
    maybe_at("last_used_at"),
)

ended_sessions = sa.Table(
    "ended_sessions",
    metadata,
    sa.Column("session_hash", sa.Text, primary_key=True),
    at("until"),  # when it would have ended by itself
)
