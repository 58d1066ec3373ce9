"""What the desk says of a meeting: pure, from the owner's views to a template's context."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from api.pages.party_view import Notice, slot_parts
from api.pages.ports import Context
from domain.commands import Command, CommandState
from domain.meetings.civil import instant_words, slot_words
from domain.meetings.messages import stream_of
from domain.meetings.model import OWNER, MeetingState
from domain.meetings.standing import headline, partstat_words, what_next
from domain.meetings.transitions import Deed, possible, standing_of
from domain.meetings.views import (
    MailView,
    MeetingView,
    MessageView,
    PartyView,
    TimelineEvent,
)
from domain.meetings.words import listed, sentence
from domain.outbox.model import FINAL_STATES
from domain.values import Frozen, Instant

_PATIENCE = timedelta(seconds=30)


class Desk(Frozen):
    """All that the desk's page of a meeting is made of."""

    meeting: MeetingView
    state: MeetingState
    timeline: tuple[TimelineEvent, ...]
    messages: tuple[MessageView, ...]
    mails: tuple[MailView, ...]
    command: Command | None = None


def desk_context(desk: Desk, zone: str, now: datetime, temporal_ui: str) -> Context:
    """Everything `desk_meeting.html` shows, with times on the clocks of `zone`."""
    meeting, names = desk.meeting, names_of(desk.meeting)
    deeds = {row.deed for row in possible(standing_of(meeting), OWNER, now)}
    return {
        "meeting": meeting,
        "zone": zone,
        "headline": headline(desk.state, zone),
        "slot": None if meeting.slot is None else slot_parts(meeting.slot, zone),
        "next": what_next(desk.state, names, zone),
        "notice": _command_notice(desk.command),
        "parties": _parties(desk, zone),
        "timeline": _timeline(desk, names, zone),
        "messages": [_message(each, names, zone) for each in reversed(desk.messages)],
        "mails": [_mail(each, names, zone) for each in reversed(desk.mails)],
        "may_cancel": Deed.CANCEL in deeds,
        "may_reschedule": Deed.RESCHEDULE in deeds,
        "may_correct": Deed.CORRECT_ADDRESS in deeds,
        "temporal": _temporal(temporal_ui, meeting.id),
        "refresh": _refresh(desk, now),
    }


def list_entry(meeting: MeetingView) -> dict[str, Any]:
    """One line of the list of meetings."""
    return {
        "id": meeting.id,
        "title": meeting.title,
        "status": meeting.status.value,
        "people": listed([_with_answer(party) for party in meeting.parties]),
        "when": "" if meeting.slot is None else slot_words(meeting.slot, "UTC"),
    }


def _with_answer(party: PartyView) -> str:
    return f"{party.name} ({partstat_words(party.partstat)})"


def names_of(meeting: MeetingView) -> dict[int, str]:
    """What the owner calls everybody."""
    return {OWNER: "the owner", **{party.number: party.name for party in meeting.parties}}


def _temporal(address: str, meeting_id: str) -> str:
    """The run in Temporal's web interface; empty when there is none."""
    if not address:
        return ""
    return f"{address.rstrip('/')}/workflows/{quote(stream_of(meeting_id), safe='')}"


def _refresh(desk: Desk, now: datetime) -> int | None:
    """Seconds until the page looks again, while something is under way."""
    waits = desk.command is not None and not desk.command.is_finished
    sends = any(message.state not in FINAL_STATES for message in desk.messages)
    reads = any(mail.effect is None for mail in desk.mails)
    if not (waits or sends or reads):
        return None
    return 2 if now - _latest(desk) < _PATIENCE else 15


def _latest(desk: Desk) -> Instant:
    """When something was last asked, written or received."""
    times = [desk.meeting.created_at, *(entry.event.at for entry in desk.timeline)]
    times += [mail.received_at for mail in desk.mails]
    times += [] if desk.command is None else [desk.command.accepted_at]
    return max(times)


def _command_notice(command: Command | None) -> Notice | None:
    if command is None:
        return None
    if command.state is CommandState.ACCEPTED:
        return Notice("wait", "Noted; it is being carried out. This page looks again by itself.")
    if command.state is CommandState.SUCCEEDED:
        return Notice("good", "It has been carried out.")
    detail = command.outcome.detail if command.outcome else ""
    return Notice("bad", f"It was refused. {detail}".strip())


def _parties(desk: Desk, zone: str) -> list[dict[str, Any]]:
    slot = desk.meeting.slot
    return [
        {
            "number": party.number,
            "name": party.name,
            "address": party.address,
            "unreachable": party.unreachable,
            "zone": party.zone,
            "when": "" if slot is None else slot_words(slot, party.zone),
            "partstat": party.partstat.value,
            "answer": partstat_words(party.partstat),
            "answered_at": _at(party.answered_at, zone),
            "mail": _last_message(desk.messages, party.number),
        }
        for party in desk.meeting.parties
    ]


def _last_message(messages: Sequence[MessageView], party: int) -> dict[str, str] | None:
    for message in reversed(messages):
        if message.party == party:
            return {"kind": letter_words(message.kind), "state": message.state}
    return None


def _timeline(desk: Desk, names: Mapping[int, str], zone: str) -> list[dict[str, Any]]:
    return [
        {
            "at": instant_words(entry.event.at, zone, named=False),
            "machine": entry.event.at.isoformat(),
            "text": sentence(entry.event, names, zone),
            "words": _said(entry.words or {}),
        }
        for entry in reversed(desk.timeline)
    ]


def _said(words: Mapping[str, Any]) -> str:
    return str(words.get("comment") or words.get("text") or "")


def letter_words(kind: str) -> str:
    """A kind of mail as people call it: `meeting.answer-reminder` is an answer reminder."""
    return kind.rpartition(".")[2].replace("-", " ")


_STATES = {
    "queued": "waiting to be sent",
    "claimed": "about to be sent",
    "sending": "being sent",
    "retry": "will be tried again",
    "sent": "sent",
    "failed": "could not be delivered",
    "uncertain": "sent, but the server's answer never came: it may or may not have arrived",
    "held": "held back",
    "suppressed": "not sent: its address takes no mail like this",
    "expired": "not sent: it was not wanted any more",
    "cancelled": "dropped",
    "merged": "became a part of a digest",
}


def _message(message: MessageView, names: Mapping[int, str], zone: str) -> dict[str, Any]:
    again = message.next_at if message.state == "retry" else None
    return {
        "id": message.id,
        "kind": letter_words(message.kind),
        "to": names.get(message.party or OWNER, message.recipient),
        "state": message.state,
        "words": _STATES.get(message.state, message.state),
        "at": _at(message.sent_at or message.created_at, zone),
        "again": _at(again, zone),
        "attempts": message.attempts,
        "reply": message.last_reply or "",
    }


def _mail(mail: MailView, names: Mapping[int, str], zone: str) -> dict[str, Any]:
    reading = mail.reading or {}
    comments = [line.get("comment") or "" for line in reading.get("answers") or ()]
    return {
        "who": names.get(mail.party, f"party {mail.party}"),
        "sender": reading.get("sender") or "",
        "at": _at(mail.received_at, zone),
        "verdict": mail.verdict or "not read yet",
        "effect": mail.effect or "",
        "detail": mail.detail or "",
        "wrote": "\n".join(text for text in (*comments, reading.get("text") or "") if text),
        "problems": list(reading.get("problems") or ()),
        "copies": mail.copies,
    }


def _at(instant: Instant | None, zone: str) -> str:
    return "" if instant is None else instant_words(instant, zone, named=False)
