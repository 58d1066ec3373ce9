"""Rows of the quarantine: mail that was taken and belongs to nobody, with all its bytes."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import quarantine
from domain.inbox.acceptance import Reason
from domain.inbox.quarantine import Custody
from domain.values import scrubbed

_new = postgresql.insert(quarantine)
_KEEP = _new.on_conflict_do_update(index_elements=["key"], set_={"copies": quarantine.c.copies + 1})


def keep(
    c: sa.Connection,
    *,
    key: str,
    reason: Reason,
    mail_from: str,
    recipient: str,
    source: str,
    raw: bytes,
    received_at: datetime,
) -> None:
    """Keep a mail under its `key`; another copy is counted, and otherwise changes nothing."""
    row = {
        "key": key,
        "reason": reason.value,
        "mail_from": scrubbed(mail_from, limit=320),
        "recipient": scrubbed(recipient, limit=320),
        "source": source,
        "raw": raw,
        "received_at": received_at,
        "state": Custody.KEPT.value,
    }
    c.execute(_KEEP, row)
