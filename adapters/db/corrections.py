"""Another address for a party of a meeting: asked for, and carried out with the saga's decision.

The address stands among the words of the input that asks for it and, once the saga has decided,
in the party's row. Every token that the old address was told is revoked in the same transaction,
so whoever reads mail there can neither see the meeting nor speak for the party.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db import capabilities, inputs, outbox, outbox_events, suppressions
from adapters.db.schema import inputs as input_rows
from adapters.db.schema import parties, people
from domain.access import Capability, Purpose
from domain.errors import Refused
from domain.meetings.events import AddressCorrected
from domain.meetings.messages import AddressCorrection, stream_of
from domain.meetings.requests import AddressOrder
from domain.values import same_mailbox

_TOLD = (Purpose.REPLY, Purpose.BOUNCE, Purpose.PAGE, Purpose.UNSUBSCRIBE)
"""What a party's mail carries of its own. Not its alias: only the others know that one, and their
calendars keep it."""

_KIND = AddressCorrection.model_fields["kind"].default
_UNTAKEN = sa.select(input_rows.c.body).where(
    input_rows.c.stream == sa.bindparam("stream"),
    input_rows.c.taken_at.is_(None),
    input_rows.c.body.is_not(None),
)


def check(c: sa.Connection, owner: str, stream: str, order: AddressOrder, now: datetime) -> None:
    """Raises `Refused` where another correction is not carried out yet, so that two cannot give
    both parties one address, and for an address that mail does not go to."""
    waiting = c.execute(_UNTAKEN, {"stream": stream}).scalars()
    if any(body.get("kind") == _KIND for body in waiting):
        raise Refused("Another correction of this meeting is still being carried out.")
    for one in suppressions.of_address(c, owner, order.address, now):
        if one.is_total:
            why = f"{one.reason.value} {one.detail}".strip()
            raise Refused(
                f"No mail goes to this address at present: it is suppressed ({why}). "
                "Lift that first, or give another address.",
                field="address",
            )


def words_of(order: AddressOrder) -> dict[str, Any]:
    """What the input says of people; stays in the database."""
    named = {"name": order.name} if order.name else {}
    return {"address": order.address, **named}


def wanted(c: sa.Connection, input_id: int) -> AddressOrder:
    """What the input with this id asks for."""
    found = inputs.get(c, input_id)
    party = (found.body or {})["party"]
    return AddressOrder.model_validate({"party": party, **(found.words or {})})


def row_of(order: AddressOrder | None) -> dict[str, Any]:
    """The columns of the party's row that change; none without an order."""
    return {} if order is None else words_of(order)


def after(
    granted: Mapping[tuple[int, Purpose], Capability], moved: Mapping[int, AddressOrder]
) -> dict[tuple[int, Purpose], Capability]:
    """A meeting's capabilities as they will be once these parties have moved."""
    raised = {
        which: one.model_copy(update={"generation": one.generation + 1})
        for which, one in granted.items()
        if one.party in moved and one.purpose in _TOLD
    }
    return {**granted, **raised}


_UPDATE = (
    sa.update(parties)
    .where(parties.c.meeting_id == sa.bindparam("meeting"))
    .where(parties.c.number == sa.bindparam("party"))
)
_PARTY = (
    sa.select(parties.c.address, parties.c.person_id, people.c.address.label("booked"))
    .outerjoin(people, people.c.id == parties.c.person_id)
    .where(parties.c.meeting_id == sa.bindparam("meeting"))
    .where(parties.c.number == sa.bindparam("party"))
)


def carry_out(
    c: sa.Connection, secret: bytes, meeting_id: str, event: AddressCorrected, at: datetime
) -> None:
    """The party is written to at its new address from now on, and nowhere else.

    It stays tied to the owner's book only if the book has the new address too: otherwise the old
    one would go on speaking for it.
    """
    stream, order = stream_of(meeting_id), wanted(c, event.input)
    which = {"meeting": meeting_id, "party": event.party}
    old = c.execute(_PARTY, which).one()
    is_booked = old.booked is not None and same_mailbox(old.booked, order.address)
    changes = {**row_of(order), "person_id": old.person_id if is_booked else None}
    c.execute(_UPDATE.values(**changes), which)
    _raise_tokens(c, secret, stream, order, old.address, at)
    dropped = outbox.stop_writing_to(c, stream, event.party, old.address, at)
    outbox_events.note(c, dropped, "cancelled", at, detail="The party has another address now.")


def _raise_tokens(
    c: sa.Connection, secret: bytes, stream: str, order: AddressOrder, old: str, at: datetime
) -> None:
    newer = after(capabilities.newest(c, stream), {order.party: order})
    granted = [newer[order.party, purpose] for purpose in _TOLD if (order.party, purpose) in newer]
    for one in granted:
        capabilities.revoke(c, stream, one.party, one.purpose, at, address=old)
    capabilities.grant_all(c, secret, granted, at)
