"""Every table of Parley. Migrations in `migrations/versions` bring a database here.

Views (`meetings`, `parties`) are written in the transaction of the events they follow from.
Instants are microseconds since 1970 (see `columns`).
"""

from adapters.db.tables.access import api_keys, deliveries, ended_sessions, webhooks
from adapters.db.tables.mail_in import (
    IS_HELD,
    imap_mailboxes,
    imap_mails,
    inbox,
    quarantine,
    signed_requests,
)
from adapters.db.tables.mail_out import (
    ENDED_AT,
    IS_APART,
    KEEPS_RAW_IN_VAIN,
    NEEDS_ATTENTION,
    outbox,
    outbox_attempts,
    outbox_events,
    outbox_lanes,
    outbox_raw,
    suppressions,
)
from adapters.db.tables.making import metadata
from adapters.db.tables.meetings import capabilities, meetings, parties, people
from adapters.db.tables.streams import commands, idempotency_keys, inputs, installation, journal

__all__ = [
    "ENDED_AT",
    "IS_APART",
    "IS_HELD",
    "KEEPS_RAW_IN_VAIN",
    "NEEDS_ATTENTION",
    "api_keys",
    "capabilities",
    "commands",
    "deliveries",
    "ended_sessions",
    "idempotency_keys",
    "imap_mailboxes",
    "imap_mails",
    "inbox",
    "inputs",
    "installation",
    "journal",
    "meetings",
    "metadata",
    "outbox",
    "outbox_attempts",
    "outbox_events",
    "outbox_lanes",
    "outbox_raw",
    "parties",
    "people",
    "quarantine",
    "signed_requests",
    "suppressions",
    "webhooks",
]
