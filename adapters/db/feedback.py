"""What a mail that came in says about the mail that went out, in the transaction that reads it.

A bounce, a complaint or an answer settles doubts, tells the fate of a message, and holds back or
releases other mail to the address. Which message it is about is told by the address it came to
(`inbox.about`); content, which anybody may write, only tells the letters to one party apart.
"""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db import (
    evidence,
    inbox,
    message_events,
    outbox,
    outbox_events,
    suppressions,
)
from adapters.db.schema import inbox as inbox_table
from adapters.db.schema import outbox as outbox_table
from domain.access import Purpose
from domain.inbox.model import Arrival, Reading, Verdict
from domain.inbox.returned import failure_in, is_returned
from domain.outbox.bounces import cause_of, fate_of, outweighs
from domain.outbox.events import event_of_fate
from domain.outbox.model import DeliveryFate, Proof
from domain.outbox.suppression import after_bounce, after_complaint
from domain.values import same_mailbox


class About(NamedTuple):
    """The message that a mail is about."""

    id: int
    kind: str
    owner: str
    recipient: str


_ABOUT = sa.select(inbox_table.c.about).where(inbox_table.c.id == sa.bindparam("mail"))
_MESSAGE = sa.select(*(outbox_table.c[name] for name in About._fields)).where(
    outbox_table.c.id == sa.bindparam("message")
)


def message_about(c: sa.Connection, mail: Arrival) -> About | None:
    """The message whose bounce address `mail` came to; for an address without a number, the one
    among the party's letters whose Message-ID it quotes."""
    id: int | None = c.execute(_ABOUT, {"mail": mail.id}).scalar() or _quoted(c, mail)
    row = None if id is None else c.execute(_MESSAGE, {"message": id}).first()
    return None if row is None else About(*row)


def _quoted(c: sa.Connection, mail: Arrival) -> int | None:
    letters = outbox.letters_to(c, mail.stream, mail.party)
    return next((one.id for one in letters if one.message_id.encode() in mail.raw), None)


def heed(c: sa.Connection, mail: Arrival, reading: Reading, at: datetime) -> None:
    """Take in what `mail`, just read, says about messages. A second time changes nothing."""
    match mail.purpose:
        case Purpose.BOUNCE:
            _heed_report(c, mail, reading, at)
        case Purpose.REPLY:
            _heed_answer(c, mail, reading, at)


def _heed_report(c: sa.Connection, mail: Arrival, reading: Reading, at: datetime) -> None:
    """Whatever comes to the bounce address of one message shows that the message left."""
    about = message_about(c, mail)
    if about is None:
        return
    evidence.prove(c, [about.id], Proof.REPORT, at)
    if reading.complaint is not None:
        _complained(c, about, reading.complaint.kind, at)
        return
    match _fate(reading):
        case DeliveryFate.BOUNCED:
            _bounced(c, about, reading, at)
        case DeliveryFate.DELIVERED:
            _note_fate(c, about, DeliveryFate.DELIVERED, at)
            suppressions.lift_disproved(c, about.owner, about.recipient, at)
        case DeliveryFate.DELAYED:
            _note_fate(c, about, DeliveryFate.DELAYED, at)


def _fate(reading: Reading) -> DeliveryFate | None:
    if reading.delivery is not None:
        return fate_of(reading.delivery.action)
    return DeliveryFate.BOUNCED if is_returned(reading) else None


def _bounced(c: sa.Connection, about: About, reading: Reading, at: datetime) -> None:
    status, words = failure_in(reading)
    cause = cause_of(status, words)
    detail = f"{status or ''} {cause.value}".strip()
    if not _note_fate(c, about, DeliveryFate.BOUNCED, at, detail):
        return
    measure = after_bounce(cause, at)
    reached = {"delivered", "expanded"} & {one.action for one in reading.deliveries}
    if measure is not None and not reached:  # one of several behind an alias is not the address
        suppressions.impose(
            c, about.owner, about.recipient, measure, at, detail=detail, message=about.id
        )


def _complained(c: sa.Connection, about: About, kind: str, at: datetime) -> None:
    if _note_fate(c, about, DeliveryFate.COMPLAINED, at, kind):
        suppressions.impose(
            c, about.owner, about.recipient, after_complaint(), at, detail=kind, message=about.id
        )


def _noting(fate: DeliveryFate) -> sa.Update:
    lighter = [old.value for old in DeliveryFate if outweighs(fate, old)]
    known = outbox_table.c.fate
    return (
        sa.update(outbox_table)
        .where(outbox_table.c.id == sa.bindparam("message"))
        .where(sa.or_(known.is_(None), known.in_(lighter)))
        .values(fate=fate.value)
    )


_NOTE_FATE = {fate: _noting(fate) for fate in DeliveryFate}


def _note_fate(
    c: sa.Connection, about: About, fate: DeliveryFate, at: datetime, detail: str = ""
) -> bool:
    """Write down what was heard of a message; False when as much was known."""
    if not c.execute(_NOTE_FATE[fate], {"message": about.id}).rowcount:
        return False
    outbox_events.note(c, [about.id], fate.value, at, detail=detail)
    message_events.record(c, about.id, event_of_fate(fate), at, detail=detail)
    return True


_BY_PEOPLE = frozenset(
    {Verdict.ANSWER, Verdict.PROPOSAL, Verdict.REFRESH, Verdict.CANCELLATION, Verdict.NOTE}
)


def _heed_answer(c: sa.Connection, mail: Arrival, reading: Reading, at: datetime) -> None:
    evidence.prove_named(c, mail.stream, mail.party, reading.references, mail.received_at)
    if reading.verdict is Verdict.ANSWER and reading.sequence is not None:
        _heed_revision(c, mail, reading, reading.sequence)
    if reading.verdict in _BY_PEOPLE and reading.sender is not None:
        _lift_for(c, mail, reading.sender, at)


def _heed_revision(c: sa.Connection, mail: Arrival, reading: Reading, sequence: int) -> None:
    """Only an answer that is about the party's own copy shows that a copy came to it."""
    uid = inbox.known_uid(c, mail.stream, mail.party)
    if uid is not None and reading.uid is not None and uid == reading.uid.strip():
        evidence.prove_revision(c, mail.stream, mail.party, sequence, mail.received_at)


_OWNER = (
    sa.select(outbox_table.c.owner, outbox_table.c.recipient)
    .where(outbox_table.c.subject == sa.bindparam("subject"))
    .where(outbox_table.c.party == sa.bindparam("number"))
    .order_by(outbox_table.c.id.desc())
    .limit(1)
)


def _lift_for(c: sa.Connection, mail: Arrival, sender: str, at: datetime) -> None:
    """Whoever answers from the address that a party is written to can be reached there."""
    row: Any = c.execute(_OWNER, {"subject": mail.stream, "number": mail.party}).first()
    if row is not None and same_mailbox(row.recipient, sender):
        suppressions.lift_disproved(c, row.owner, row.recipient, at)
