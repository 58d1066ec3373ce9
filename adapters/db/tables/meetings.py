"""Meetings, their parties, people, and what opens what to them."""

import sqlalchemy as sa

from adapters.db.columns import Json
from adapters.db.tables.making import at, maybe, maybe_at, metadata, number, text

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("owner"),
    text("name"),
    text("address"),
    text("folded_address"),
    text("zone"),
    number("version"),
    at("created_at"),
    at("updated_at"),
    sa.UniqueConstraint("owner", "folded_address"),
)

meetings = sa.Table(
    "meetings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    text("owner"),
    text("title"),
    text("description"),
    text("location"),
    text("organizer"),
    sa.Column("terms", Json, nullable=False),
    text("status"),
    number("sequence"),
    maybe_at("starts_at"),
    maybe_at("ends_at"),
    maybe_at("answer_by"),
    number("version"),
    at("created_at"),
    at("updated_at"),
    sa.Index("ix_meetings_owner_created_at", "owner", "created_at", "id"),
    sa.Index("ix_meetings_owner_status", "owner", "status"),
)

parties = sa.Table(
    "parties",
    metadata,
    sa.Column("meeting_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    maybe("person_id"),
    text("name"),
    text("address"),
    text("zone"),
    text("uid"),
    sa.Column("shows_address", sa.Boolean, nullable=False),
    text("partstat"),
    maybe_at("answered_at"),
    sa.Column("unreachable", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_parties_address", sa.text("lower(address)")),
)

capabilities = sa.Table(
    "capabilities",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    text("purpose"),
    text("stream"),
    sa.Column("party", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    maybe("address"),  # whose wish it is, where no party's row says so
    at("created_at"),
    maybe_at("revoked_at"),
    sa.Index("ix_capabilities_stream", "stream"),
)
