"""A meeting between two strangers, and one letter of each kind about it."""

from datetime import UTC, datetime, timedelta

from adapters.calendar_mail.writing.writer import MailLetterWriter
from domain.meetings.card import MeetingCard, PartyCard
from domain.meetings.letters import Letter, LetterKind
from domain.meetings.model import Partstat
from domain.values import Slot

DOMAIN = "parley.example"
DECIDED_AT = datetime(2027, 2, 1, 8, 30, 15, 123456, tzinfo=UTC)
START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
SLOT = Slot(start=START, end=START + timedelta(hours=1))
OTHER_SLOT = Slot(start=START + timedelta(days=2), end=START + timedelta(days=2, minutes=45))

NEEDS, YES, NO = Partstat.NEEDS_ACTION, Partstat.ACCEPTED, Partstat.DECLINED


def party(number: int, **changes: object) -> PartyCard:
    """Ada in Lisbon is 1, Bea in Kolkata is 2, everybody else is in New York."""
    people = {
        1: ("Ada Lovelace", "ada@example.org", "Europe/Lisbon"),
        2: ("Bea Stone", "bea@example.net", "Asia/Kolkata"),
    }
    name, address, zone = people.get(
        number, (f"Person {number}", f"person{number}@example.com", "America/New_York")
    )
    fields: dict[str, object] = {
        "number": number,
        "name": name,
        "address": address,
        "zone": zone,
        "uid": f"7d0c2b4e-0000-4000-8000-00000000000{number}",
        "reply_address": f"r+{number * 'q':a<26}@{DOMAIN}",
        "bounce_address": f"b+{number * 'q':b<26}@{DOMAIN}",
        "alias_address": f"a+{number * 'q':c<26}@{DOMAIN}",
        "page_url": f"https://parley.example/p/{number * 'q':d<26}",
        "unsubscribe_url": f"https://parley.example/u/{number * 'q':e<26}",
        "unsubscribe_address": f"u+{number * 'q':e<26}@{DOMAIN}",
        **changes,
    }
    return PartyCard.model_validate(fields)


def card(**changes: object) -> MeetingCard:
    fields: dict[str, object] = {
        "meeting_id": "7f3a5c",
        "owner": "main",
        "title": "Coffee about engines",
        "description": "First meeting.\n\nBring drawings; leave the engine at home.",
        "location": "Café Central, table 4",
        "organizer": "Byron Introductions",
        "parties": (party(1), party(2)),
        **changes,
    }
    return MeetingCard.model_validate(fields)


_SAMPLES: dict[LetterKind, dict[str, object]] = {
    LetterKind.INVITATION: {"reason": "first", "sequence": 0},
    LetterKind.RESCHEDULE: {
        "reason": "counter",
        "by": 1,
        "sequence": 1,
        "slot": OTHER_SLOT,
        "partstats": (YES, NEEDS),
    },
    LetterKind.CONFIRMATION: {"reason": "counter", "by": 1, "partstats": (YES, YES)},
    LetterKind.CURRENT: {"reason": "current", "sequence": 2, "partstats": (YES, NEEDS)},
    LetterKind.CANCELLATION: {"reason": "party", "by": 1, "sequence": 3, "partstats": (YES, YES)},
    LetterKind.PROPOSAL_DECLINED: {
        "reason": "declined",
        "by": 1,
        "slot": OTHER_SLOT,
        "proposed": OTHER_SLOT,
        "sequence": 1,
    },
    LetterKind.PROPOSAL_QUESTION: {"by": 1, "proposed": OTHER_SLOT, "partstats": (YES, YES)},
    LetterKind.PROPOSAL_WITHDRAWN: {"by": 1, "proposed": OTHER_SLOT, "partstats": (YES, YES)},
    LetterKind.ANSWER_REMINDER: {},
    LetterKind.PROPOSAL_REMINDER: {"by": 1, "proposed": OTHER_SLOT, "partstats": (YES, YES)},
    LetterKind.MEETING_REMINDER: {"partstats": (YES, YES), "answer_by": None},
    LetterKind.NOTICE: {"partstat": YES, "by": 2, "partstats": (NEEDS, YES)},
}


def letter(kind: LetterKind, **changes: object) -> Letter:
    """A letter of this kind to Bea, as the rules would decide it."""
    fields: dict[str, object] = {
        "kind": kind,
        "party": 2,
        "occasion": 2 + list(LetterKind).index(kind),
        "at": DECIDED_AT,
        "sequence": 1,
        "slot": SLOT,
        "partstats": (NEEDS, NEEDS),
        "answer_by": DECIDED_AT + timedelta(days=7),
        **_SAMPLES[kind],
        **changes,
    }
    return Letter.model_validate(fields)


def writer() -> MailLetterWriter:
    return MailLetterWriter(DOMAIN)


def compose(kind: LetterKind = LetterKind.INVITATION, **changes: object) -> bytes:
    """The bytes of a sample letter; `card` may be given beside the letter's own fields."""
    about = changes.pop("card", None) or card()
    assert isinstance(about, MeetingCard)
    return writer().compose(letter(kind, **changes), about).raw
