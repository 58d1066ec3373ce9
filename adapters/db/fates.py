"""Telling a saga what became of its letters, and an owner what became of mails of their own, in
the transaction that writes it down."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from adapters.db import inputs
from adapters.db.message_events import tell_owners
from adapters.db.schema import outbox, parties
from domain.meetings.messages import Undelivered
from domain.outbox.bounces import cause_of
from domain.outbox.events import is_external
from domain.outbox.model import MessageState
from domain.sagas import has_saga
from domain.values import same_mailbox

_LOST = frozenset({MessageState.FAILED, MessageState.SUPPRESSED, MessageState.EXPIRED})
_ROW = sa.select(outbox.c.recipient, outbox.c.optional, outbox.c.last_reply).where(
    outbox.c.id == sa.bindparam("message")
)
_PRESENT = sa.select(parties.c.address).where(
    parties.c.meeting_id == sa.bindparam("meeting"), parties.c.number == sa.bindparam("number")
)


class Fate(NamedTuple):
    """The state a message came to at the instant `at`, and whom it is about."""

    id: int
    kind: str
    subject: str
    party: int | None
    state: MessageState
    at: datetime


def tell_sagas(c: sa.Connection, fates: Iterable[Fate]) -> list[str]:
    """Make letters to parties that did not leave, or may not have, inputs; gives the streams to
    poke. Not what is optional and was held back: that the recipient unsubscribed, or that a
    reminder came too late, says nothing about the address. Not letters to an address that the
    party no longer has. Of mails of their own, owners are told.

    The key makes each of the two one input, for ever: a letter that was uncertain may still turn
    out to have failed.
    """
    fates = list(fates)
    own = [one for one in fates if is_external(one.subject)]
    if own:  # at the instant of the last: they are told of by few statements
        tell_owners(c, [(one.id, one.state) for one in own], max(one.at for one in own))
    # In the order of their names, as `inputs.accept` asks.
    ordered = sorted(fates, key=lambda fate: fate.subject)
    return [fate.subject for fate in ordered if _tell(c, fate)]


def _tell(c: sa.Connection, fate: Fate) -> bool:
    is_told = fate.state in _LOST or fate.state is MessageState.UNCERTAIN
    if not is_told or fate.party is None or not has_saga(fate.subject):
        return False
    row = c.execute(_ROW, {"message": fate.id}).one()
    held_back = fate.state in (MessageState.SUPPRESSED, MessageState.EXPIRED)
    if (row.optional and held_back) or not _is_present(c, fate.subject, fate.party, row.recipient):
        return False
    body = Undelivered(
        party=fate.party,
        letter=fate.kind,
        certain=fate.state in _LOST,
        reason=_reason(fate.state, row.last_reply or ""),
    )
    _accept(c, fate.subject, f"outbox/{fate.id}/{fate.state.value}", body, fate.at)
    return True


class Returned(Protocol):
    """A message that came back."""

    @property
    def id(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def party(self) -> int | None: ...

    @property
    def recipient(self) -> str: ...


def tell_returned(c: sa.Connection, message: Returned, reason: str, at: datetime) -> None:
    """Make a letter to a party that came back, by other ways than a mail, an input of its saga."""
    party, subject = message.party, message.subject
    if party is None or not has_saga(subject):
        return
    if _is_present(c, subject, party, message.recipient):
        body = Undelivered(party=party, letter=message.kind, reason=reason)
        _accept(c, subject, f"outbox/{message.id}/bounced", body, at)


def _accept(c: sa.Connection, stream: str, key: str, body: Undelivered, at: datetime) -> None:
    dumped = body.model_dump(mode="json")
    inputs.accept(c, stream=stream, key=key, body=dumped, received_at=at)


def _is_present(c: sa.Connection, subject: str, party: int, recipient: str) -> bool:
    """Whether the party is still written to at `recipient`; also where that is not known."""
    which = {"meeting": subject.partition("/")[2], "number": party}
    present = c.execute(_PRESENT, which).scalar()
    return present is None or same_mailbox(present, recipient)


def _reason(state: MessageState, last_reply: str) -> str:
    match state:
        case MessageState.FAILED:
            return cause_of(None, last_reply).value
        case MessageState.UNCERTAIN:
            return ""
        case _:
            return state.value
