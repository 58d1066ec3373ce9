"""A meeting as a document: its state, and the links and forms of what is possible now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.hypermedia import Document, Form, Property
from api.instants import rfc3339
from domain.meetings.model import OWNER
from domain.meetings.transitions import Deed, possible, standing_of
from domain.meetings.views import MailView, MeetingView, MessageView, PartyView
from domain.values import Slot, in_zone

_SLOTS = Property(
    name="slots",
    prompt="Times to try, in order: a list of {start, end}",
    type="textarea",
    required=True,
)
_ADDRESS = (
    Property(name="party", prompt="The party's number", type="number", required=True),
    Property(name="address", prompt="The new address", type="email", required=True),
    Property(name="name", prompt="The name, if it changes too", max_length=100),
)
_PROPERTIES: Mapping[Deed, tuple[Property, ...]] = {
    Deed.RESCHEDULE: (_SLOTS,),
    Deed.CORRECT_ADDRESS: _ADDRESS,
}
_SCHEMAS = {
    Deed.CANCEL: "CancelBody",
    Deed.RESCHEDULE: "RescheduleBody",
    Deed.CORRECT_ADDRESS: "CorrectAddressBody",
}


def meeting_href(meeting_id: str) -> str:
    return f"/meetings/{meeting_id}"


def meeting_document(meeting: MeetingView, now: datetime, *, may_write: bool) -> Document:
    """The meeting with everything `now` allows its owner; forms only for keys that may write."""
    here = meeting_href(meeting.id)
    document = Document(_members(meeting)).link("self", here).link("collection", "/meetings")
    document.link("parley:events", f"{here}/events", title="What happened, in order")
    document.link("parley:stream", f"{here}/events/stream", type="text/event-stream")
    document.link("parley:messages", f"{here}/messages", title="Mails out")
    document.link("parley:mail", f"{here}/mail", title="Mails in")
    if may_write:
        _offer_deeds(document, meeting, now)
    return document


def _offer_deeds(document: Document, meeting: MeetingView, now: datetime) -> None:
    for row in possible(standing_of(meeting), OWNER, now):
        href = f"{meeting_href(meeting.id)}/{row.deed}"
        document.link(row.rel, href, title=row.form)
        document.link("describedby", f"/schemas/{_SCHEMAS[row.deed]}")
        properties = _PROPERTIES.get(row.deed, ())
        document.form(row.deed.value, Form(href, title=row.form, properties=properties))


def _members(meeting: MeetingView) -> dict[str, Any]:
    terms = meeting.terms.model_dump(mode="json", exclude={"parties"})
    return {
        "id": meeting.id,
        "title": meeting.title,
        "description": meeting.description,
        "location": meeting.location,
        "organizer": meeting.organizer,
        "status": meeting.status.value,
        "sequence": meeting.sequence if meeting.sequence >= 0 else None,
        "slot": _slot(meeting.slot),
        "answer_by": rfc3339(meeting.answer_by),
        "version": meeting.version,
        "created_at": rfc3339(meeting.created_at),
        "updated_at": rfc3339(meeting.updated_at),
        "parties": [_party(party, meeting.slot) for party in meeting.parties],
        "terms": terms,
    }


def _party(party: PartyView, slot: Slot | None) -> dict[str, Any]:
    shown = party.model_dump(mode="json", exclude={"person_id"})
    shown["local_start"] = in_zone(slot.start, party.zone).isoformat() if slot else None
    if party.person_id:
        shown["_links"] = {"parley:person": {"href": f"/people/{party.person_id}"}}
    return shown


def message_document(message: MessageView, *, may_read: bool) -> Document:
    """One mail out; its story is a resource of its own, for keys that may read messages."""
    document = Document(message.model_dump(mode="json"))
    return document.link("self", f"/messages/{message.id}") if may_read else document


def mail_document(mail: MailView) -> Document:
    """One mail in, with what was read from it and what came of it."""
    return Document(mail.model_dump(mode="json"))


def _slot(slot: Slot | None) -> dict[str, str | None] | None:
    return None if slot is None else {"start": rfc3339(slot.start), "end": rfc3339(slot.end)}
