"""What would happen, found out with the rules that would do it, and nothing written."""

from datetime import datetime
from typing import Any

from api.hypermedia import Document
from api.representations import event_data
from domain.journal import JournalEvent
from domain.meetings.events import MeetingRequested, to_journal
from domain.meetings.messages import Opening, TakenInput
from domain.meetings.requests import MeetingOrder
from domain.meetings.rules import begin, decide


def meeting_preview(order: MeetingOrder, owner: str, now: datetime) -> Document:
    """The meeting that `order` would begin: its first facts and who would be written to."""
    requested = MeetingRequested(terms=order.terms)
    taken = TakenInput(id=0, received_at=now, body=Opening())
    made = decide(begin(requested), taken, now)
    names = {number: party.name for number, party in enumerate(order.parties, start=1)}
    events = [
        JournalEvent(
            position=0, owner=owner, stream="meeting/", version=version, at=now, **dict(event)
        )
        for version, event in enumerate(map(to_journal, (requested, *made.events)), start=1)
    ]
    members: dict[str, Any] = {
        "dry_run": True,
        "status": made.state.status.value,
        "events": [
            {"type": each.type, "data": event_data(each, names, {}, "UTC")} for each in events
        ],
        "mails": [
            {"kind": letter.kind.value, "party": letter.party, "name": names[letter.party]}
            for letter in made.letters
        ],
    }
    return Document(members).link("create-form", "/meetings")
