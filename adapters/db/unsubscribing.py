"""Whoever is written to says which mail they want, behind a token of their own.

A party of a meeting has its token from the meeting; whoever gets general mail has one for each
owner. The wish holds for all of the owner's mail to that address, from the same transaction on.
"""

import secrets
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from adapters.db import capabilities, evidence, inputs, outbox_events, suppressions
from adapters.db.database import Database
from adapters.db.schema import capabilities as capability_rows
from adapters.db.schema import meetings, outbox, parties
from domain.access import Capability, Purpose, token_hash
from domain.inbox.model import Arrival
from domain.meetings.messages import MailPreference
from domain.outbox.marks import mark_of
from domain.outbox.model import Proof, SuppressionReason, SuppressionScope
from domain.outbox.suppression import after_unsubscribing
from domain.outbox.wishes import Addressee, general_owner, general_stream
from domain.postage import MailWish

_LATEST = 200
"""Messages to one address that are looked through for the one whose link was used."""


class Subscriber(NamedTuple):
    """Who a token stands for: an address that an owner writes to, and the party it is of a
    meeting's stream, 0 for nobody's."""

    owner: str
    address: str
    stream: str
    party: int


def general_capability(owner: str, address: str) -> Capability:
    """What opens the wishes of whoever gets an owner's general mail at `address`."""
    return Capability(purpose=Purpose.UNSUBSCRIBE, stream=general_stream(owner, address), party=0)


def grant(c: sa.Connection, secret: bytes, owner: str, address: str, at: datetime) -> str:
    """The token of `general_capability`, known from now on; a second call changes nothing."""
    capability = general_capability(owner, address)
    return capabilities.grant(c, secret, capability, at, address=address)


_FIND = (
    sa.select(capability_rows)
    .where(capability_rows.c.token_hash == sa.bindparam("hash"))
    .where(capability_rows.c.revoked_at.is_(None))
)
_PARTY = (
    sa.select(meetings.c.owner, parties.c.address)
    .join(parties, parties.c.meeting_id == meetings.c.id)
    .where(meetings.c.id == sa.bindparam("meeting"), parties.c.number == sa.bindparam("number"))
)


def find(c: sa.Connection, token: str) -> Subscriber | None:
    """Who `token` stands for; None for unknown and for revoked ones alike."""
    row = c.execute(_FIND, {"hash": token_hash(Purpose.UNSUBSCRIBE, token)}).first()
    return None if row is None else _subscriber(c, row.stream, row.party, row.address)


_GRANTED = (
    sa.select(capability_rows.c.address, capability_rows.c.revoked_at)
    .where(capability_rows.c.stream == sa.bindparam("of_stream"))
    .where(capability_rows.c.party == sa.bindparam("number"))
    .where(capability_rows.c.purpose == Purpose.UNSUBSCRIBE.value)
    .where(capability_rows.c.generation == sa.bindparam("of_generation"))
)


def of_mail(c: sa.Connection, mail: Arrival) -> Subscriber | None:
    """Who the unsubscribe address that `mail` came to was made for. One that was revoked since,
    while the mail waited to be read, speaks for the address it was told, or for nobody."""
    which = {"of_stream": mail.stream, "number": mail.party, "of_generation": mail.generation}
    row = c.execute(_GRANTED, which).first()
    if row is None or (row.revoked_at is not None and row.address is None):
        return None
    return _subscriber(c, mail.stream, mail.party, row.address)


def _subscriber(
    c: sa.Connection, stream: str, party: int, address: str | None
) -> Subscriber | None:
    """`address` is whose the token is, None where that is the party's present one."""
    if (owner := general_owner(stream)) is not None:
        return Subscriber(owner, address, stream, 0) if address else None
    meeting_id = stream.partition("/")[2]
    row = c.execute(_PARTY, {"meeting": meeting_id, "number": party}).first()
    if row is None:
        return None
    if address is not None:
        return Subscriber(row.owner, address, stream, 0)
    return Subscriber(row.owner, row.address, stream, party)


def present_wish(c: sa.Connection, who: Subscriber, now: datetime) -> MailWish:
    """What whoever it is wants at `now`, as far as they said so themselves."""
    scopes = {
        one.scope
        for one in suppressions.of_address(c, who.owner, who.address, now)
        if one.reason is SuppressionReason.UNSUBSCRIBED
    }
    if SuppressionScope.ALL in scopes:
        return MailWish.NOTHING
    return MailWish.NO_REMINDERS if scopes else MailWish.EVERYTHING


def obey(
    c: sa.Connection,
    who: Subscriber,
    wish: MailWish,
    at: datetime,
    *,
    mark: str = "",
    tells_saga: bool = True,
) -> bool:
    """Let the wish hold for the owner's mail to the address; False when it held already.

    `mark` tells the message whose link was used (`domain.outbox.marks`): that proves it.
    `tells_saga` is False where an input of the saga says so already.
    """
    message = _message(c, who, mark)
    if message is not None:
        evidence.prove(c, [message], Proof.CLICK, at)
    if present_wish(c, who, at) is wish:
        return False
    new: int | None = None
    if wish is not MailWish.EVERYTHING:
        measure = after_unsubscribing(_SCOPE[wish])
        new = suppressions.impose(c, who.owner, who.address, measure, at, message=message)
    suppressions.lift_unsubscribed(c, who.owner, who.address, at, but=new)
    if message is not None:
        outbox_events.note(c, [message], _WORD[wish], at, detail=wish.value)
    if tells_saga and who.party:
        _tell(c, who, wish, at)
    return True


_SCOPE = {
    MailWish.NO_REMINDERS: SuppressionScope.OPTIONAL,
    MailWish.NOTHING: SuppressionScope.ALL,
}
_WORD = {
    MailWish.EVERYTHING: "subscribed",
    MailWish.NO_REMINDERS: "unsubscribed",
    MailWish.NOTHING: "unsubscribed",
}


def stop_optional(
    c: sa.Connection, who: Subscriber, at: datetime, *, mark: str = "", tells_saga: bool = True
) -> bool:
    """The one-click wish: no optional mail. Whoever wants no mail at all still wants none."""
    if present_wish(c, who, at) is MailWish.NOTHING:
        return False
    wish = MailWish.NO_REMINDERS
    return obey(c, who, wish, at, mark=mark, tells_saga=tells_saga)


def _tell(c: sa.Connection, who: Subscriber, wish: MailWish, at: datetime) -> None:
    body = MailPreference(party=who.party, wish=wish).model_dump(mode="json")
    key = f"wish/{secrets.token_hex(12)}"  # what says nothing new does not come here
    inputs.accept(c, stream=who.stream, key=key, body=body, received_at=at)


_MESSAGES = (
    sa.select(outbox.c.id, outbox.c.message_id)
    .where(outbox.c.folded_recipient == sa.bindparam("folded"))
    .where(outbox.c.owner == sa.bindparam("of_owner"))
    .order_by(outbox.c.id.desc())
    .limit(_LATEST)
)


def _message(c: sa.Connection, who: Subscriber, mark: str) -> int | None:
    """The message whose link was used, if the link tells."""
    if not mark:
        return None
    found = c.execute(_MESSAGES, {"folded": who.address.casefold(), "of_owner": who.owner})
    return next((id for id, message_id in found if mark_of(message_id) == mark), None)


class SqlUnsubscribing:
    """The wishes behind the pages. What is said here is durable when it is answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token: str, now: datetime) -> Addressee | None:
        """Who `token` stands for, and what they want now; None for an unknown one."""

        def look(c: sa.Connection) -> Addressee | None:
            who = find(c, token)
            if who is None:
                return None
            return Addressee(stream=who.stream, party=who.party, wish=present_wish(c, who, now))

        return await self._database.read(look)

    async def say(self, token: str, wish: MailWish, mark: str, at: datetime) -> bool:
        """Let `wish` hold; False for an unknown token."""

        def work(c: sa.Connection) -> bool:
            who = find(c, token)
            if who is not None:
                obey(c, who, wish, at, mark=mark)
            return who is not None

        return await self._database.write(work)

    async def stop_optional(self, token: str, mark: str, at: datetime) -> bool:
        """The one-click wish; False for an unknown token."""

        def work(c: sa.Connection) -> bool:
            who = find(c, token)
            if who is not None:
                stop_optional(c, who, at, mark=mark)
            return who is not None

        return await self._database.write(work)
