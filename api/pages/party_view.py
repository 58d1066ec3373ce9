"""What a party's page says: pure, from the party's view of its meeting to a template's context."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from api.pages.picker import Picked, picked_for
from api.pages.ports import Context
from domain.meetings.civil import (
    clock_words,
    day_words,
    instant_words,
    offset_words,
    slot_words,
)
from domain.meetings.messages import Answer, Cancellation, Effect, MeetingInput, ProposalAnswer
from domain.meetings.model import MeetingState, Partstat
from domain.meetings.pages import Click, PartyPage
from domain.meetings.standing import (
    asked_of,
    headline,
    outcome,
    partstat_words,
    status_words,
    what_next,
)
from domain.meetings.transitions import Deed, possible, standing_of
from domain.meetings.words import sentence
from domain.values import Frozen, Slot

_PATIENCE = timedelta(seconds=30)
"""How long a click is expected to take; after that the forms come back and the page looks less
often."""


class Asked(Frozen):
    """How the page is to be shown: one form only, what was just noted, and fields as typed."""

    only: Deed | None = None
    noted: int = 0
    is_used: bool = False
    picked: Picked | None = None
    comment: str = ""
    declines: bool = False


class Notice(NamedTuple):
    """A message on top of the page; `tone` is wait, good or bad."""

    tone: str
    text: str


class FormWords(NamedTuple):
    """A form as the page shows it. `tone` is main, plain or grave."""

    deed: Deed
    title: str
    explanation: str
    button: str
    tone: str


def asked_by(query: Mapping[str, str]) -> Asked:
    """What the address of the page asks for; anything else in it is ignored."""
    noted = query.get("noted", "")
    is_id = noted.isascii() and noted.isdigit() and len(noted) <= 18
    return Asked(noted=int(noted) if is_id else 0, is_used=query.get("notice") == "used")


def page_context(view: PartyPage, state: MeetingState, now: datetime, asked: Asked) -> Context:
    """Everything `participant.html` shows."""
    me = view.card.party(view.party)
    names = names_for(view)
    waiting = _waiting(view.clicks, now)
    forms = () if waiting else _forms(state, view.party, now)
    return {
        "card": view.card,
        "me": me,
        "asked": asked,
        "headline": headline(state, me.zone),
        "standing": state.status.value,
        "status_words": status_words(state.status),
        "slot": None if state.slot is None else slot_parts(state.slot, me.zone),
        "has_ended": state.status.is_ended,
        "ask": asked_of(view.party, state, names, me.zone),
        "next": what_next(state, names, me.zone),
        "forms": _only(forms, asked.only),
        "is_partial": asked.only is not None,
        "picked": asked.picked or _present(state, me.zone),
        "people": _people(view, state),
        "timeline": _timeline(view, names, me.zone),
        "notice": _notice(view, asked, me.zone),
        "refresh": _refresh(view.clicks, now) if asked.only is None else None,
    }


def names_for(view: PartyPage) -> dict[int, str]:
    """What this party calls everybody: itself "you", the others by name, never by address."""
    names = {party.number: party.name for party in view.card.parties}
    return {0: view.card.organizer or "the organizer", **names, view.party: "you"}


def slot_parts(slot: Slot, zone: str) -> dict[str, str]:
    """A time for a page to lay out: in the reader's zone, with its offset, and in UTC."""
    return {
        "day": day_words(slot.start, zone),
        "start": clock_words(slot.start, zone),
        "end": clock_words(slot.end, zone),
        "end_day": _other_day(slot, zone),
        "zone": zone,
        "offset": offset_words(slot.start, zone),
        "utc": slot_words(slot, "UTC"),
        "machine": slot.start.isoformat(),
    }


def _other_day(slot: Slot, zone: str) -> str:
    end = day_words(slot.end, zone)
    return "" if end == day_words(slot.start, zone) else end


def _present(state: MeetingState, zone: str) -> Picked:
    return Picked() if state.slot is None else picked_for(state.slot, zone)


def _waiting(clicks: Sequence[Click], now: datetime) -> bool:
    """Whether this party's last click is still being carried out, and has not been for long."""
    return any(c.effect is None and now - c.received_at < _PATIENCE for c in clicks)


def _refresh(clicks: Sequence[Click], now: datetime) -> int | None:
    """Seconds until the page looks again; None when it need not."""
    if all(click.effect is not None for click in clicks):
        return None
    return 2 if _waiting(clicks, now) else 15


_FORMS = {
    Deed.ACCEPT: (
        "Accept",
        "You accept this time. It is confirmed once everybody has accepted.",
        "Accept this time",
        "main",
    ),
    Deed.AGREE: (
        "Agree to the new time",
        "Everybody's calendar moves to it once all have agreed.",
        "Agree to the new time",
        "main",
    ),
    Deed.DISAGREE: (
        "Keep the agreed time",
        "The new time is declined and the agreed one stays.",
        "Keep the agreed time",
        "plain",
    ),
    Deed.TAKE_BACK: (
        "Take your proposal back",
        "The others are told that you no longer ask for another time.",
        "Take it back",
        "plain",
    ),
    Deed.TENTATIVE: (
        "Answer “perhaps”",
        "You may still accept or decline later; the meeting waits for that.",
        "Answer “perhaps”",
        "plain",
    ),
    Deed.PROPOSE: (
        "Propose another time",
        "The others are asked whether it suits them.",
        "Propose this time",
        "plain",
    ),
    Deed.DECLINE: (
        "Decline",
        "You decline this time. Another one is tried if there is one; "
        "otherwise the meeting does not take place.",
        "Decline this time",
        "plain",
    ),
    Deed.WITHDRAW: (
        "Call the meeting off",
        "Everybody is told that the meeting will not take place. This cannot be undone.",
        "Call the meeting off",
        "grave",
    ),
}


def _forms(state: MeetingState, party: int, now: datetime) -> tuple[FormWords, ...]:
    """The forms of what `party` may do now, the main ones first."""
    open_now = {row.deed for row in possible(standing_of(state), party, now)}
    return tuple(FormWords(deed, *words) for deed, words in _FORMS.items() if deed in open_now)


_STANDS_FOR = {Deed.ACCEPT: Deed.AGREE, Deed.DECLINE: Deed.DISAGREE}
"""A mailed link says accept or decline; while a proposal is open, that is what it is about."""


def _only(forms: Sequence[FormWords], deed: Deed | None) -> tuple[FormWords, ...]:
    if deed is None:
        return tuple(forms)
    offered = {form.deed: form for form in forms}
    about_proposal = _STANDS_FOR.get(deed)
    chosen = offered.get(about_proposal) if about_proposal else None
    chosen = chosen or offered.get(deed)
    return () if chosen is None else (chosen,)


def _people(view: PartyPage, state: MeetingState) -> list[dict[str, Any]]:
    return [
        {
            "name": card.name,
            "is_me": card.number == view.party,
            "address": card.address if _may_see(card.number, card.shows_address, view) else "",
            "answer": partstat_words(party.partstat),
            "partstat": party.partstat,
        }
        for card, party in zip(view.card.parties, state.parties, strict=True)
    ]


def _may_see(number: int, shows_address: bool, view: PartyPage) -> bool:
    return shows_address or number == view.party


def _timeline(view: PartyPage, names: Mapping[int, str], zone: str) -> list[dict[str, Any]]:
    return [
        {
            "at": instant_words(event.at, zone, named=False),
            "machine": event.at.isoformat(),
            "text": sentence(event, names, zone),
            "words": view.words.get(event.data.get("input") or 0, ""),
        }
        for event in reversed(view.events)
    ]


def _notice(view: PartyPage, asked: Asked, zone: str) -> Notice | None:
    if asked.is_used:
        return Notice(
            "bad",
            "That form had been used before, so this second choice was not taken. "
            "Please look at the page as it is now and choose again.",
        )
    click = _click_to_tell(view.clicks, asked.noted)
    return None if click is None else _told(click, zone)


def _click_to_tell(clicks: Sequence[Click], noted: int) -> Click | None:
    for click in clicks:
        if click.id == noted or (not noted and click.effect is None):
            return click
    return None


def _told(click: Click, zone: str) -> Notice:
    did = click_words(click.body, zone)
    if click.effect is None:
        return Notice(
            "wait", f"Noted: {did}. It is being carried out; this page looks again by itself."
        )
    came_of_it = outcome(click.effect, click.code, click.detail)
    tone = "good" if click.effect in (Effect.APPLIED, Effect.DUPLICATE) else "bad"
    return Notice(tone, f"You chose: {did}. {came_of_it}")


def click_words(body: MeetingInput, zone: str) -> str:
    """What a click said, in a few words that fit after a colon."""
    match body:
        case Answer(proposal=proposal) if proposal is not None and proposal.end is not None:
            return "another time, " + slot_words(Slot(start=proposal.start, end=proposal.end), zone)
        case Answer(partstat=partstat) if partstat is not None:
            return _CLICKED[partstat]
        case ProposalAnswer(accepts=accepts):
            return "agree to the new time" if accepts else "keep the agreed time"
        case Cancellation():
            return "call the meeting off"
    return "a message"


_CLICKED = {
    Partstat.ACCEPTED: "accept the time",
    Partstat.DECLINED: "decline the time",
    Partstat.TENTATIVE: "answer “perhaps”",
    Partstat.NEEDS_ACTION: "withdraw the answer",
    Partstat.DELEGATED: "pass the invitation on",
}
