"""An invitation written by hand, and what each mail program makes of it."""

from datetime import UTC, datetime, timedelta

from adapters.attendees.client import Client
from adapters.attendees.google import Google
from adapters.attendees.invitation import Invitation, read_invitation
from adapters.attendees.notes import note
from adapters.attendees.programs import CLIENTS

NOW = datetime(2027, 2, 2, 10, 15, 30, tzinfo=UTC)
START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
NEW_START = datetime(2027, 6, 9, 13, 0, tzinfo=UTC)
NEW_END = NEW_START + timedelta(hours=1)
BEA = ("bea@example.net", "Béa Stone")
UID = "7d0c2b4e-0000-4000-8000-000000000002"


def mail(
    method: str = "REQUEST",
    *,
    sequence: int = 0,
    stamp: str = "20270201T083015Z",
    start: str = "20270301T090000Z",
    end: str = "20270301T100000Z",
    partstat: str = "NEEDS-ACTION",
    attendee: str = "bea@example.net",
    more: str = "",
) -> bytes:
    """A calendar mail from an organizer, its lines bare."""
    return f"""\
From: Byron <r+token@parley.example>
To: bea@example.net
Subject: Invitation: Coffee
Message-ID: <first@parley.example>
MIME-Version: 1.0
Content-Type: text/calendar; method={method}; charset=UTF-8

BEGIN:VCALENDAR
VERSION:2.0
METHOD:{method}
BEGIN:VEVENT
UID:{UID}
SEQUENCE:{sequence}
DTSTAMP:{stamp}
DTSTART:{start}
DTEND:{end}
SUMMARY:Coffee\\, quickly
LOCATION:Here\\; there
DESCRIPTION:One\\nTwo with a rather long line that needs to be folded somewhe
 re
ORGANIZER;CN="Byron: Introductions":mailto:r+token@parley.example
ATTENDEE;CN=Bea;PARTSTAT={partstat};RSVP=TRUE:mailto:{attendee}
ATTENDEE;CN=Ada;PARTSTAT=ACCEPTED:mailto:a+other@parley.example
X-MICROSOFT-DISALLOW-COUNTER:FALSE
{more}END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n").encode()


def invitation() -> Invitation:
    return read_invitation(mail())


def proposal(client: Client) -> bytes:
    return client.propose(invitation(), *BEA, NEW_START, NEW_END, NOW, comment="Büro is shut")


def outputs() -> dict[str, bytes]:
    """Every kind of mail that the programs write, by the name of its golden file."""
    answers = {
        f"{name}-{partstat.lower()}": client.answer(invitation(), *BEA, partstat, NOW, "It's fine")
        for name, client in CLIENTS.items()
        for partstat in ("ACCEPTED", "DECLINED")
    }
    proposals = {
        f"{name}-proposal": proposal(client)
        for name, client in CLIENTS.items()
        if client.can_propose
    }
    return {
        **answers,
        **proposals,
        "google-proposal-2021": proposal(Google(labels_counter_as_reply=True)),
        "note": note(invitation(), *BEA, "Could we meet on Tuesday?", NOW),
    }
