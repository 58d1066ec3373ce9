"""The tables of people, meetings, mail and webhooks, and what they all stand on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_installation()
    _create_journal()
    _create_commands()
    _create_idempotency_keys()
    _create_inputs()
    _create_people()
    _create_meetings()
    _create_parties()
    _create_capabilities()
    _create_inbox()
    _create_outbox()
    _create_outbox_attempts()
    _create_webhooks()
    _create_deliveries()
    _create_api_keys()
    _create_ended_sessions()


def downgrade() -> None:
    op.drop_table("ended_sessions")
    op.drop_table("api_keys")
    op.drop_table("deliveries")
    op.drop_table("webhooks")
    op.drop_table("outbox_attempts")
    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_table("capabilities")
    op.drop_table("parties")
    op.drop_table("meetings")
    op.drop_table("people")
    op.drop_table("inputs")
    op.drop_table("idempotency_keys")
    op.drop_table("commands")
    op.drop_table("journal")
    op.drop_table("installation")


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("transaction_offset", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("secret_fingerprint", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )


def _create_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("position", ROW_ID, autoincrement=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("command", sa.Text, nullable=True),
        sa.Column("because", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_journal"),
        sa.UniqueConstraint("stream", "version", name="uq_journal_stream_version"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_journal_owner_position", "journal", ["owner", "position"])


def _create_commands() -> None:
    op.create_table(
        "commands",
        sa.Column("id", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger, nullable=True),
        sa.Column("outcome", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
    )
    op.create_index("ix_commands_stream", "commands", ["stream"])


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.Text),
        sa.Column("route", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("command_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("principal", "route", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _create_inputs() -> None:
    op.create_table(
        "inputs",
        sa.Column("id", ROW_ID, autoincrement=True),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", JSON, nullable=True),
        sa.Column("words", JSON, nullable=True),
        sa.Column("command_id", sa.Text, nullable=True),
        sa.Column("inbox_id", sa.BigInteger, nullable=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("poked_at", sa.BigInteger, nullable=True),
        sa.Column("taken_at", sa.BigInteger, nullable=True),
        sa.Column("effect", sa.Text, nullable=True),
        sa.Column("code", sa.Text, nullable=True),
        sa.Column("detail", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inputs"),
        sa.UniqueConstraint("key", name="uq_inputs_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inputs_inbox_id", "inputs", ["inbox_id"])
    op.create_index("ix_inputs_stream_id", "inputs", ["stream", "id"])
    op.create_index(
        "ix_inputs_untaken",
        "inputs",
        ["stream", "id"],
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    )


def _create_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("folded_address", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("owner", "folded_address", name="uq_people_owner_folded_address"),
    )


def _create_meetings() -> None:
    op.create_table(
        "meetings",
        sa.Column("id", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("organizer", sa.Text, nullable=False),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=True),
        sa.Column("ends_at", sa.BigInteger, nullable=True),
        sa.Column("answer_by", sa.BigInteger, nullable=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meetings"),
    )
    op.create_index("ix_meetings_owner_created_at", "meetings", ["owner", "created_at", "id"])
    op.create_index("ix_meetings_owner_status", "meetings", ["owner", "status"])


def _create_parties() -> None:
    op.create_table(
        "parties",
        sa.Column("meeting_id", sa.Text),
        sa.Column("number", sa.Integer),
        sa.Column("person_id", sa.Text, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("shows_address", sa.Boolean, nullable=False),
        sa.Column("partstat", sa.Text, nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("meeting_id", "number", name="pk_parties"),
    )
    op.create_index("ix_parties_address", "parties", [sa.text("lower(address)")])


def _create_capabilities() -> None:
    op.create_table(
        "capabilities",
        sa.Column("token_hash", sa.Text),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("party", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name="pk_capabilities"),
    )
    op.create_index("ix_capabilities_stream", "capabilities", ["stream"])


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", ROW_ID, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("party", sa.Integer, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("mail_from", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.BigInteger, nullable=True),
        sa.Column("verdict", sa.Text, nullable=True),
        sa.Column("reading", JSON, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("claimed_until", sa.BigInteger, nullable=True),
        sa.Column("copies", sa.Integer, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("key", name="uq_inbox_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_stream", "inbox", ["stream", "id"])
    op.create_index(
        "ix_inbox_token", "inbox", ["stream", "party", "purpose", "received_at", "read_at"]
    )
    op.create_index(
        "ix_inbox_unread",
        "inbox",
        ["id"],
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("party", sa.Integer, nullable=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("mail_from", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("dispatcher", sa.Text, nullable=True),
        sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.BigInteger, nullable=True),
        sa.Column("last_reply", sa.Text, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint(
            "kind",
            "subject",
            "occasion",
            "recipient",
            name="uq_outbox_kind_subject_occasion_recipient",
        ),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["next_at"],
        sqlite_where=sa.text("state IN ('queued', 'retry')"),
        postgresql_where=sa.text("state IN ('queued', 'retry')"),
    )
    op.create_index(
        "ix_outbox_leased",
        "outbox",
        ["lease_until"],
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.create_index("ix_outbox_subject", "outbox", ["subject"])


def _create_outbox_attempts() -> None:
    op.create_table(
        "outbox_attempts",
        sa.Column("message_id", sa.BigInteger),
        sa.Column("token", sa.BigInteger),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("code", sa.Integer, nullable=True),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "token", name="pk_outbox_attempts"),
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("previous_secret", sa.Text, nullable=True),
        sa.Column("previous_secret_until", sa.BigInteger, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("disabled_because", sa.Text, nullable=True),
        sa.Column("failing_since", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_owner", "webhooks", ["owner"])


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text),
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.BigInteger, nullable=True),
        sa.Column("last_status", sa.Integer, nullable=True),
        sa.Column("last_error", sa.Text, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("webhook_id", "position", name="uq_deliveries_webhook_id_position"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["next_at"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("revoked_at", sa.BigInteger, nullable=True),
        sa.Column("last_used_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )


def _create_ended_sessions() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("session_hash", sa.Text),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session_hash", name="pk_ended_sessions"),
    )
