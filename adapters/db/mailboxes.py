"""How far the mailboxes that are watched have been read, and which of their mails wait."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.schema import imap_mailboxes, imap_mails
from domain.inbox.postponement import Postponed, Trouble

_new = postgresql.insert(imap_mailboxes)
_REACH = _new.on_conflict_do_update(
    index_elements=["name"],
    set_={name: _new.excluded[name] for name in ("uidvalidity", "last_uid", "updated_at")},
)
_REACHED = sa.select(imap_mailboxes.c.last_uid).where(
    imap_mailboxes.c.name == sa.bindparam("of"),
    imap_mailboxes.c.uidvalidity == sa.bindparam("while_valid"),
)
_of_mailbox = imap_mails.c.mailbox == sa.bindparam("of")
_WAITING = sa.select(*(imap_mails.c[name] for name in Postponed.model_fields)).where(
    _of_mailbox, imap_mails.c.uidvalidity == sa.bindparam("while_valid")
)
_mail = postgresql.insert(imap_mails)
_POSTPONE = _mail.on_conflict_do_update(
    index_elements=["mailbox", "uidvalidity", "uid"],
    set_={name: _mail.excluded[name] for name in ("trouble", "attempts", "next_at")},
)
_DONE = sa.delete(imap_mails).where(_of_mailbox, imap_mails.c.uid == sa.bindparam("of_uid"))
_INVALID = sa.delete(imap_mails).where(
    _of_mailbox, imap_mails.c.uidvalidity != sa.bindparam("while_valid")
)
_GIVEN_UP_AFTER = timedelta(days=1)
"""A mail that was due so long ago is of a mailbox that nobody watches any more."""

_TROUBLES = (
    sa.select(imap_mails.c.trouble, sa.func.count())
    .where(imap_mails.c.next_at > sa.bindparam("since", type_=imap_mails.c.next_at.type))
    .group_by(imap_mails.c.trouble)
)


def reached(c: sa.Connection, name: str, uidvalidity: int) -> int:
    """The UID up to which every mail of this mailbox was taken, or waits; 0 when it was never
    read, or has given out its UIDs anew since."""
    found = c.execute(_REACHED, {"of": name, "while_valid": uidvalidity}).scalar()
    return int(found or 0)


def waiting(c: sa.Connection, name: str, uidvalidity: int) -> list[Postponed]:
    """The mails of this mailbox that are not done with, though others behind them are."""
    rows = c.execute(_WAITING, {"of": name, "while_valid": uidvalidity}).mappings()
    return [Postponed.model_validate(dict(row)) for row in rows]


def reach(c: sa.Connection, name: str, uidvalidity: int, uid: int, at: datetime) -> None:
    """Remember that every mail up to `uid` was taken, or waits."""
    row = {"name": name, "uidvalidity": uidvalidity, "last_uid": uid, "updated_at": at}
    c.execute(_REACH, row)
    c.execute(_INVALID, {"of": name, "while_valid": uidvalidity})


def note(
    c: sa.Connection,
    name: str,
    uidvalidity: int,
    postponed: Sequence[Postponed],
    done: Iterable[int],
) -> None:
    """Remember what waits, and that other mails no longer do."""
    rows = [{"mailbox": name, "uidvalidity": uidvalidity, **one.model_dump()} for one in postponed]
    if rows:
        c.execute(_POSTPONE, rows)
    for uid in done:
        c.execute(_DONE, {"of": name, "of_uid": uid})


def troubles(c: sa.Connection, now: datetime) -> dict[Trouble, int]:
    """How many mails of the mailboxes that are watched wait, by reason."""
    since = now - _GIVEN_UP_AFTER
    found = {Trouble(value): count for value, count in c.execute(_TROUBLES, {"since": since})}
    return {one: found.get(one, 0) for one in Trouble}
