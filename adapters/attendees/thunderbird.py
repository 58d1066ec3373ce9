"""Thunderbird: answers like the book says, with its own X-MOZ- properties; cannot propose."""

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from adapters.attendees import composing as mime
from adapters.attendees.client import PAST, CannotPropose, Said, times_of, utc
from adapters.attendees.invitation import Invitation
from adapters.attendees.lines import calendar_text, escape, quoted


@dataclass(frozen=True)
class Thunderbird:
    name: str = "Thunderbird"
    can_propose: bool = False

    def answer(
        self,
        invitation: Invitation,
        attendee_address: str,
        attendee_name: str,
        partstat: str,
        now: datetime,
        comment: str = "",
    ) -> bytes:
        said = Said(invitation, attendee_address, attendee_name, now, comment)
        ics = _calendar(said, partstat)
        subject = f"Event Invitation Reply ({PAST[partstat]}): {invitation.summary}"
        return _mail(said, subject, f"{said.shown_name} has {_VERB[partstat]}.", ics)

    def propose(
        self,
        invitation: Invitation,
        attendee_address: str,
        attendee_name: str,
        start: datetime,
        end: datetime,
        now: datetime,
        partstat: str | None = None,
        comment: str = "",
    ) -> NoReturn:
        """Raises `CannotPropose`; `notes.note` writes what its user would write instead."""
        raise CannotPropose(self.name)


_VERB = {
    "ACCEPTED": "accepted your event invitation",
    "TENTATIVE": "tentatively accepted your event invitation",
    "DECLINED": "declined your event invitation",
}


def _calendar(said: Said, partstat: str) -> bytes:
    invitation, name = said.about, quoted(said.shown_name)
    start, end = times_of(invitation)
    return calendar_text(
        [
            "BEGIN:VCALENDAR",
            "PRODID:-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN",
            "VERSION:2.0",
            "METHOD:REPLY",
            "BEGIN:VEVENT",
            f"CREATED:{utc(said.now)}",
            f"LAST-MODIFIED:{utc(said.now)}",
            f"DTSTAMP:{utc(said.now)}",
            f"UID:{invitation.uid}",
            f"SUMMARY:{escape(invitation.summary)}",
            f"ORGANIZER;CN={quoted(invitation.organizer_name)}:mailto:{invitation.organizer}",
            f"ATTENDEE;CN={name};EMAIL={quoted(said.address)};PARTSTAT={partstat}"
            f";ROLE=REQ-PARTICIPANT:mailto:{said.address}",
            "X-MOZ-RECEIVED-SEQUENCE:" + str(invitation.sequence),
            f"X-MOZ-RECEIVED-DTSTAMP:{utc(invitation.dtstamp or said.now)}",
            f"DTSTART:{utc(start)}",
            f"DTEND:{utc(end)}",
            *([f"COMMENT:{escape(said.comment)}"] if said.comment else []),
            "X-MOZ-GENERATION:1",
            f"SEQUENCE:{invitation.sequence}",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )


def _mail(said: Said, subject: str, words: str, ics: bytes) -> bytes:
    key = mime.fingerprint("thunderbird", said.address, subject, said.now, ics)
    text = f"{words}\r\n{said.comment}\r\n"
    alternative = mime.multipart(
        "alternative",
        f"------------{key[:24]}",
        [
            mime.as_plain("text/plain; charset=UTF-8; format=flowed", text.encode()),
            mime.as_plain("text/calendar; method=REPLY; charset=UTF-8", ics),
        ],
    )
    copy = mime.as_base64(
        'application/ics; name="invite.ics"',
        ics,
        'Content-Disposition: attachment; filename="invite.ics"',
    )
    headers = [
        ("Message-ID", f"<{key}@example.org>"),
        ("Date", mime.date(said.now)),
        ("User-Agent", "Mozilla Thunderbird"),
        ("Content-Language", "en-US"),
        ("To", mime.mailbox(said.about.organizer_name, said.about.organizer)),
        ("From", mime.mailbox(said.name, said.address)),
        ("Subject", mime.words(subject)),
    ]
    return mime.mail(
        headers, mime.multipart("mixed", f"------------{key[8:]}", [alternative, copy])
    )
