"""What a mail that came in says about the mail that went out, in the transaction that reads it.

A bounce, a complaint or an answer settles doubts, tells the fate of a message, and holds back or
releases other mail to the address. Which message it is about is told by the address it came to
(`inbox.about`); content, which anybody may write, only tells the letters to one party apart.
"""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db import (
    correspondents,
    evidence,
    message_events,
    outbox,
    outbox_events,
    suppressions,
    unsubscribing,
)
from adapters.db.schema import inbox as inbox_table
from adapters.db.schema import outbox as outbox_table
from domain.access import Purpose
from domain.inbox.model import Arrival, Reading, Verdict
from domain.inbox.returned import failure_in, is_returned
from domain.inbox.wishes import asks_to_stop
from domain.outbox.bounces import Cause, cause_of, fate_of, outweighs
from domain.outbox.events import event_of_fate
from domain.outbox.model import DeliveryFate, Proof
from domain.outbox.suppression import Measure, after_bounce, after_complaint
from domain.values import same_mailbox


class About(NamedTuple):
    """The message that something was heard of."""

    id: int
    kind: str
    owner: str
    recipient: str
    subject: str
    party: int | None


_ABOUT = sa.select(inbox_table.c.about).where(inbox_table.c.id == sa.bindparam("mail"))
_MESSAGE = sa.select(*(outbox_table.c[name] for name in About._fields)).where(
    outbox_table.c.id == sa.bindparam("message")
)


class News(NamedTuple):
    """What was heard of a message: its fate, and of a bounce the code (RFC 3463) and the words of
    the other server. `source` is whoever said so, where that was not a mail. `is_partial`: some
    of those behind the address got it."""

    fate: DeliveryFate
    status: str | None = None
    words: str = ""
    source: str = ""
    is_partial: bool = False


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
        case Purpose.UNSUBSCRIBE if asks_to_stop(reading, mail.mail_from):
            who = unsubscribing.of_mail(c, mail)
            if who is not None:  # the mail is the saga's input already
                unsubscribing.stop_optional(c, who, at, tells_saga=False)


def _heed_report(c: sa.Connection, mail: Arrival, reading: Reading, at: datetime) -> None:
    """Whatever comes to the bounce address of one message shows that the message left."""
    about = message_about(c, mail)
    if about is None:
        return
    evidence.prove(c, [about.id], Proof.REPORT, at)
    news = _news(reading)
    if news is not None:
        learn(c, about, news, at)


def _news(reading: Reading) -> News | None:
    if reading.complaint is not None:
        return News(DeliveryFate.COMPLAINED, words=reading.complaint.kind)
    fate = DeliveryFate.BOUNCED if is_returned(reading) else None
    if reading.delivery is not None:
        fate = fate_of(reading.delivery.action)
    if fate is None:
        return None
    reached = {"delivered", "expanded"} & {one.action for one in reading.deliveries}
    return News(fate, *failure_in(reading), is_partial=bool(reached))


def learn(c: sa.Connection, about: About, news: News, at: datetime) -> bool:
    """Write down what was heard of a message, with what follows for its address; False, and
    nothing more, when as much was known."""
    cause = cause_of(news.status, news.words)
    detail = _detail(news, cause)
    if not _note_fate(c, about, news.fate, at, detail):
        return False
    if news.fate is DeliveryFate.DELIVERED:
        suppressions.lift_disproved(c, about.owner, about.recipient, at)
    measure = _measure(news, cause, at)
    if measure is not None:
        suppressions.impose(
            c, about.owner, about.recipient, measure, at, detail=detail, message=about.id
        )
    return True


def _detail(news: News, cause: Cause) -> str:
    """The code and its meaning in our own words: a timeline never holds what a mail said."""
    match news.fate:
        case DeliveryFate.BOUNCED:
            what = f"{news.status or ''} {cause.value}"
        case DeliveryFate.COMPLAINED if not news.source:
            what = news.words
        case _:
            what = ""
    return " ".join(f"{what} {news.source}".split())


def _measure(news: News, cause: Cause, at: datetime) -> Measure | None:
    match news.fate:
        case DeliveryFate.BOUNCED if not news.is_partial:  # one behind an alias is not the address
            return after_bounce(cause, at)
        case DeliveryFate.COMPLAINED:
            return after_complaint()
        case _:
            return None


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
    uid = correspondents.uid_of(c, mail.stream, mail.party)
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
