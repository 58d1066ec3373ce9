"""What proves that a message arrived whose server never said so (RFC 1047).

A message is `uncertain`, or waits to be sent once more, because nobody read the reply to its
final dot. A report about it, an answer to it, or a click on a link that only it carries settles
that: it becomes `sent`, and is not sent again. Every step is a conditional write, so evidence
that comes twice or late changes nothing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from adapters.db import message_events, outbox_events
from adapters.db.schema import outbox
from domain.outbox.marks import mark_of
from domain.outbox.model import MessageState, Proof

_MAY_HAVE_ARRIVED = sa.text(
    "(state = 'uncertain'"
    # About to go out once more after an unknown outcome; a claim of it then finds that it may not.
    " OR (resends > 0 AND state IN ('queued', 'retry', 'held', 'claimed')))"
)
# Also under way: its dispatcher has a living lease and the last word, unless it finds none.
_IN_DOUBT = sa.text(f"({_MAY_HAVE_ARRIVED.text} OR state = 'sending')")
_PROVE = (
    sa.update(outbox)
    .where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)), _MAY_HAVE_ARRIVED)
    .values(
        state=MessageState.SENT.value,
        proof=sa.bindparam("how"),
        sent_at=sa.func.coalesce(outbox.c.sent_at, sa.bindparam("at", type_=outbox.c.sent_at.type)),
        lease_until=sa.null(),
        held_because=sa.null(),
    )
    .returning(outbox.c.id)
)
_REMEMBER = (
    sa.update(outbox)
    .where(outbox.c.id.in_(sa.bindparam("ids", expanding=True)))
    .where(sa.text("state = 'sending'"))
    .values(proof=sa.bindparam("how"))
)


def prove(c: sa.Connection, messages: Collection[int], proof: Proof, at: datetime) -> list[int]:
    """Make those of `messages` (ids of rows) `sent` whose arrival was in doubt until `at`.

    Returns them. One that is being sent at this moment keeps its state, as its dispatcher is
    about to hear more; `proof` waits in its row for the case that it does not.
    """
    if not messages:
        return []
    values = {"ids": sorted(messages), "how": proof.value, "at": at}
    proved = sorted(c.execute(_PROVE, values).scalars())
    outbox_events.note(c, proved, "proved", at, detail=_HOW[proof])
    message_events.tell_owners(c, [(one, MessageState.SENT) for one in proved], at)
    c.execute(_REMEMBER, values)
    return proved


_HOW = {
    Proof.REPLY: "The server's reply says that it was taken.",
    Proof.ASSUMED: "Nobody knows; mail of this kind counts as sent.",
    Proof.ANSWER: "It was answered, so it had arrived.",
    Proof.CLICK: "A link that only it carries was used, so it had arrived.",
    Proof.REPORT: "A delivery report came back for it, so it had left.",
    Proof.PROVIDER: "The relay's own event says that it was taken.",
    Proof.PERSON: "A person said that it had arrived.",
}

_OF_PARTY = (
    outbox.c.subject == sa.bindparam("subject"),
    sa.func.coalesce(outbox.c.party, 0) == sa.bindparam("number"),
)
_DOUBTED = sa.select(outbox.c.id, outbox.c.message_id).where(*_OF_PARTY, _IN_DOUBT)
# Every message that may have brought this revision, proved or not.
_OF_REVISION = (
    sa.select(outbox.c.id)
    .where(*_OF_PARTY, outbox.c.revision == sa.bindparam("sequence"))
    .where(outbox.c.created_at <= sa.bindparam("by", type_=outbox.c.created_at.type))
    .where(sa.text(f"({_IN_DOUBT.text} OR state = 'sent')"))
)


def doubted(c: sa.Connection, subject: str, party: int) -> dict[str, int]:
    """The messages to a party of a stream of which nobody knows whether they arrived: their ids
    by Message-ID. Party 0 is whoever a stream without parties writes to."""
    found = c.execute(_DOUBTED, {"subject": subject, "number": party})
    return {message_id: id for id, message_id in found}


def prove_named(
    c: sa.Connection, subject: str, party: int, named: Sequence[str], at: datetime
) -> list[int]:
    """A mail of the party names these Message-IDs (In-Reply-To, References), so it had them."""
    ids = doubted(c, subject, party)
    return prove(c, {ids[one] for one in named if one in ids}, Proof.ANSWER, at)


def prove_revision(
    c: sa.Connection, subject: str, party: int, revision: int, at: datetime
) -> list[int]:
    """The party answered this revision (SEQUENCE) at `at`: proves the message that carried it,
    where only one can have."""
    values = {"subject": subject, "number": party, "sequence": revision, "by": at}
    carriers = c.execute(_OF_REVISION, values).scalars().all()
    return prove(c, carriers if len(carriers) == 1 else [], Proof.ANSWER, at)


def prove_clicked(c: sa.Connection, subject: str, party: int, mark: str, at: datetime) -> list[int]:
    """The party used a link with this mark (`domain.outbox.marks`) and acted behind it."""
    ids = doubted(c, subject, party) if mark else {}
    clicked = {id for message_id, id in ids.items() if mark_of(message_id) == mark}
    return prove(c, clicked, Proof.CLICK, at)
