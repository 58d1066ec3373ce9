"""From a decided letter to the calendar object it shall carry, if any."""

from datetime import UTC, datetime

from adapters.calendar_mail.writing import clean
from adapters.calendar_mail.writing.errors import CannotWrite
from adapters.calendar_mail.writing.event import CalendarObject, Guest
from adapters.calendar_mail.writing.wall_time import slot_words
from adapters.calendar_mail.writing.wording import Reader, shown_name, wording
from domain.meetings.card import PartyCard
from domain.meetings.letters import LetterKind
from domain.meetings.model import Partstat
from domain.values import Slot, as_address

_METHODS = {
    LetterKind.INVITATION: "REQUEST",
    LetterKind.RESCHEDULE: "REQUEST",
    LetterKind.CONFIRMATION: "REQUEST",
    LetterKind.CURRENT: "REQUEST",
    LetterKind.CANCELLATION: "CANCEL",
    LetterKind.PROPOSAL_DECLINED: "DECLINECOUNTER",
}


def calendar_object(reader: Reader) -> CalendarObject | None:
    """What the letter's calendar part says; None for letters of words only.

    Raises `CannotWrite` for a REQUEST without a time.
    """
    method = _METHODS.get(reader.letter.kind)
    if method is None:
        return None
    if method == "DECLINECOUNTER":
        return _decline_counter(reader)
    if method == "REQUEST" and reader.letter.slot is None:
        raise CannotWrite(f"A {reader.letter.kind.value} letter needs a time.")
    return _event(reader, method)


def _event(reader: Reader, method: str) -> CalendarObject:
    """STATUS is CONFIRMED from the first REQUEST on: changing it later would raise SEQUENCE
    (RFC 5546 §2.1.4)."""
    start, end = _utc_seconds(reader.letter.slot)
    card, letter = reader.card, reader.letter
    return CalendarObject(
        method=method,
        uid=reader.party.uid,
        sequence=letter.sequence,
        stamp=_seconds(letter.at),
        organizer=(reader.party.reply_address, reader.organizer),
        guests=_guests(reader, asks=method == "REQUEST"),
        start=start,
        end=end,
        summary=clean.title(card.title) or "Meeting",
        location=clean.place(card.location) or None,
        description=_description(reader),
        status="CANCELLED" if method == "CANCEL" else "CONFIRMED",
    )


def _decline_counter(reader: Reader) -> CalendarObject:
    """RFC 5546 §3.2.8, to the proposer alone, with the SEQUENCE it answered.

    Leaves the refused time to the COMMENT: programs that do not know the method (Exchange is
    one) import what they see, and an event at the refused time would be a wrong one.
    """
    comment = f"{wording(reader).headline}. {wording(reader).story}"
    refused = reader.letter.proposed or reader.letter.slot
    if refused is not None:
        words = slot_words(refused, reader.party.zone)
        comment += f" The time proposed was {words.when}, {words.zone}."
    return CalendarObject(
        method="DECLINECOUNTER",
        uid=reader.party.uid,
        sequence=reader.letter.sequence,
        stamp=_seconds(reader.letter.at),
        organizer=(reader.party.reply_address, reader.organizer),
        guests=_guests(reader, asks=False)[:1],
        summary=clean.title(reader.card.title) or "Meeting",
        comment=comment,
    )


def _guests(reader: Reader, *, asks: bool) -> tuple[Guest, ...]:
    """The reader first, then the others under the addresses they may be seen by."""
    others = [party for party in reader.card.parties if party.number != reader.letter.party]
    wants_answer = asks and reader.owes_an_answer
    return (
        Guest(reader.party.address, _own_name(reader.party), reader.partstat.value, wants_answer),
        *(_other(reader, party) for party in others),
    )


def _other(reader: Reader, party: PartyCard) -> Guest:
    address = party.address if party.shows_address else party.alias_address
    stands = reader.letter.partstats[party.number - 1 : party.number]
    partstat = stands[0] if stands else Partstat.NEEDS_ACTION
    return Guest(as_address(address), shown_name(party), partstat.value)


def _own_name(party: PartyCard) -> str:
    return clean.name(party.name) or party.address


def _description(reader: Reader) -> str:
    """The owner's description, then the page: the whole offer must stand in the calendar too."""
    ended = reader.letter.kind is LetterKind.CANCELLATION
    label = "Your page" if ended else "Answer or propose another time"
    link = f"{label}: {reader.party.page_url}"
    about = clean.prose(reader.card.description)
    return f"{about}\n\n{link}" if about else link


def _utc_seconds(slot: Slot | None) -> tuple[datetime | None, datetime | None]:
    return (None, None) if slot is None else (_seconds(slot.start), _seconds(slot.end))


def _seconds(instant: datetime) -> datetime:
    """iCalendar knows whole seconds only (RFC 5545 §3.3.5)."""
    return instant.astimezone(UTC).replace(microsecond=0)
