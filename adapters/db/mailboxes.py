"""How far the mailboxes that are watched have been read."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import imap_mailboxes

_new = postgresql.insert(imap_mailboxes)
_REACH = _new.on_conflict_do_update(
    index_elements=["name"],
    set_={name: _new.excluded[name] for name in ("uidvalidity", "last_uid", "updated_at")},
)
_REACHED = sa.select(imap_mailboxes.c.last_uid).where(
    imap_mailboxes.c.name == sa.bindparam("of"),
    imap_mailboxes.c.uidvalidity == sa.bindparam("while_valid"),
)


def reached(c: sa.Connection, name: str, uidvalidity: int) -> int:
    """The UID up to which every mail of this mailbox was taken; 0 when it was never read, or has
    given out its UIDs anew since."""
    found = c.execute(_REACHED, {"of": name, "while_valid": uidvalidity}).scalar()
    return int(found or 0)


def reach(c: sa.Connection, name: str, uidvalidity: int, uid: int, at: datetime) -> None:
    """Remember that every mail up to `uid` was taken."""
    row = {"name": name, "uidvalidity": uidvalidity, "last_uid": uid, "updated_at": at}
    c.execute(_REACH, row)
