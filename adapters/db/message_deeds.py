"""What a person does about a message: conditional writes that race fairly with dispatchers.

Each deed asks for the state it was decided on. A dispatcher that claimed the message meanwhile
wins, and the person is told; on PostgreSQL the write waits for the claim to be committed or
undone. A deed, its line in the timeline, its event and its command are one transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db import commands, outbox, outbox_events, outbox_raw
from adapters.db.bell import ring_after_commit
from adapters.db.faults import TryAgain
from adapters.db.message_events import record
from adapters.db.message_queries import AGAIN, get, resends_of
from adapters.db.outbox import BELL
from adapters.db.schema import outbox as outbox_rows
from adapters.general_mail.again import renewed
from adapters.general_mail.composing import message_id
from domain.commands import Command, CommandState, Outcome, Submission
from domain.errors import Refused
from domain.outbox.events import MessageEvent, stream_of
from domain.outbox.model import FINAL_STATES, Draft, Hold, MessageState, Proof
from domain.outbox.transitions import Deed, need_possible
from domain.outbox.views import MessageView
from domain.postage import Postage
from domain.values import LATEST

_DONE: Mapping[Deed, str] = {
    Deed.HOLD: "held",
    Deed.RELEASE: "released",
    Deed.RETRY_NOW: "retry-now",
    Deed.DROP: "dropped",
    Deed.CONFIRM: "confirmed",
    Deed.RESEND: "resent",
}
"""The word a deed leaves in the timeline, and the code its command ends with."""

_CHANGE = (
    sa.update(outbox_rows)
    .where(outbox_rows.c.id == sa.bindparam("message"))
    .where(outbox_rows.c.state == sa.bindparam("old_state"))
    .returning(outbox_rows.c.id)
)
_LOCK = sa.select(outbox_rows).where(outbox_rows.c.id == sa.bindparam("message")).with_for_update()


def act(
    c: sa.Connection, submission: Submission, message: int, deed: Deed, by: str, mail_domain: str
) -> tuple[Command, bool]:
    """Carry out `deed` on the owner's message, with its command; gives it finished, and whether
    it was there before. Its stream is the message's, of a resend the new message's.

    `by` is the API key that asks. Raises `NotFound`, `KeyReused`, and `Refused` when the present
    state does not allow it, with nothing recorded.
    """
    present = get(c, submission.owner, message)
    before = commands.earlier(c, submission.idempotency)
    if before is not None:
        return before, True
    row = need_possible(deed, present.standing)
    if deed is Deed.RESEND:
        led_to = _resend(c, submission, present, by, mail_domain)
    else:
        led_to = message
        _change(c, present, _values(deed, present, row.target, submission.at))
        _tell(c, submission, message, deed, by)
    ring_after_commit(c, BELL)
    return _finished(c, submission, led_to, deed), False


def _change(c: sa.Connection, present: MessageView, values: Mapping[str, Any]) -> None:
    asked = {"message": present.id, "old_state": present.state.value}
    if c.execute(_CHANGE.values(**values), asked).first() is None:
        raise TryAgain(f"message {present.id} was claimed meanwhile")


def _values(
    deed: Deed, present: MessageView, target: MessageState | None, at: datetime
) -> dict[str, Any]:
    assert target is not None
    changed: dict[str, Any] = {"state": target.value, "held_because": None, "paced_at": None}
    anew = {"next_at": at, "tried_at": None}  # whoever asks for it has it tried for as long again
    match deed:
        case Deed.HOLD:
            return changed | {"held_because": Hold.PERSON.value, "next_at": LATEST}
        case Deed.RELEASE if present.state is MessageState.UNCERTAIN:
            return changed | anew | {"resends": present.resends + 1}
        case Deed.RELEASE:  # whatever held it would hold it again
            return changed | anew | {"quiet": False, "digest": None}
        case Deed.RETRY_NOW:
            return changed | anew
        case Deed.CONFIRM:
            return changed | {"proof": Proof.PERSON.value, "sent_at": at}
        case _:  # dropped, perhaps while it was held for ever
            return changed | {"next_at": at}


_EVENTS: Mapping[Deed, MessageEvent] = {
    Deed.HOLD: MessageEvent.HELD,
    Deed.RELEASE: MessageEvent.RELEASED,
    Deed.DROP: MessageEvent.CANCELLED,
    Deed.CONFIRM: MessageEvent.SENT,
}


def _tell(c: sa.Connection, submission: Submission, message: int, deed: Deed, by: str) -> None:
    outbox_events.note(c, [message], _DONE[deed], submission.at, by=by)
    event = _EVENTS.get(deed)
    if event is None:
        return
    more: dict[str, Any] = {}
    if deed is Deed.HOLD:
        more = {"because": Hold.PERSON.value, "until": None}
    elif deed is Deed.CONFIRM:
        more = {"proof": Proof.PERSON.value}
    record(c, message, event, submission.at, command=submission.id, **more)


def _resend(
    c: sa.Connection, submission: Submission, present: MessageView, by: str, mail_domain: str
) -> int:
    """The id of a new message with the same words. The lock lets one of two people resend."""
    row = c.execute(_LOCK, {"message": present.id}).mappings().one()
    if commands.earlier(c, submission.idempotency) is not None:
        raise TryAgain("the same request was carried out while this one waited for the lock")
    earlier = resends_of(c, present)
    _need_none_under_way(earlier)
    occasion = f"{present.occasion.partition(AGAIN)[0]}{AGAIN}{len(earlier) + 1}"
    raw = outbox_raw.raw_of(c, [present.id]).get(present.id)
    if raw is None:  # since its state was looked at
        raise Refused("Its bytes were forgotten; nothing is left that could be sent again.")
    copy = _copy(row, raw, occasion, submission.at, mail_domain)
    new = outbox.post(c, present.owner, copy, submission.at).id
    _tell_of_resend(c, present.id, new, submission, by)
    return new


def _need_none_under_way(earlier: Sequence[tuple[int, MessageState]]) -> None:
    for id, state in earlier:
        if state not in FINAL_STATES:
            raise Refused(f"It is being sent again already, as message {id}; look at that one.")


def _tell_of_resend(c: sa.Connection, old: int, new: int, submission: Submission, by: str) -> None:
    at, command = submission.at, submission.id
    outbox_events.note(c, [old], "resent", at, detail=f"as message {new}", by=by)
    outbox_events.note(c, [new], "requested", at, detail=f"message {old} again", by=by)
    record(c, new, MessageEvent.REQUESTED, at, command=command, resend_of=old)


def _copy(row: sa.RowMapping, raw: bytes, occasion: str, at: datetime, mail_domain: str) -> Draft:
    """The mail of `row` as another message, due now: neither quiet hours nor an end that has
    passed stand between a person's decision and the mail."""
    mail_id = message_id(row["kind"], row["subject"], occasion, row["recipient"], mail_domain)
    copied = ("kind", "subject", "recipient", "party", "mail_from")
    treated = ("priority", "on_unknown", "zone", "optional", "revision")
    return Draft(
        **{name: row[name] for name in copied},
        occasion=occasion,
        message_id=mail_id,
        raw=renewed(raw, mail_id, at),
        postage=Postage(**{name: row[name] for name in treated}),
    )


def _finished(c: sa.Connection, submission: Submission, message: int, deed: Deed) -> Command:
    command, replayed = commands.accept(
        c,
        id=submission.id,
        owner=submission.owner,
        kind=submission.kind,
        stream=stream_of(message),
        data=submission.data,
        at=submission.at,
        idempotency=submission.idempotency,
    )
    if replayed:
        raise TryAgain("the same request was carried out meanwhile")
    outcome = Outcome(code=_DONE[deed])
    commands.finish(c, command.id, CommandState.SUCCEEDED, outcome, submission.at)
    return commands.get(c, command.id, submission.owner)
