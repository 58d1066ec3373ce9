"""Apple Calendar and Mail on iOS.

A proposed time travels as a parameter of the ATTENDEE line in a tentative REPLY, and says when it
starts only: the length is meant to stay as it is.
"""

from dataclasses import dataclass
from datetime import datetime

from adapters.attendees import composing as mime
from adapters.attendees.client import PAST, Said, times_of, utc
from adapters.attendees.invitation import Invitation
from adapters.attendees.lines import calendar_text, escape, quoted


@dataclass(frozen=True)
class Apple:
    name: str = "Apple Calendar"
    can_propose: bool = True

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
        extra = [f"COMMENT:{escape(comment)}"] if comment else []
        ics = _calendar(said, f"PARTSTAT={partstat}", extra)
        return _mail(said, f"{PAST[partstat]}: {invitation.summary}", ics)

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
    ) -> bytes:
        """`end` is not sent: Apple's proposal is a start alone."""
        said = Said(invitation, attendee_address, attendee_name, now, comment)
        words = f"I'd like to propose a new time: {start:%A, %B} {start.day} at {start:%H:%M} UTC."
        proposed = f'TO-ALL-PROPOSED-NEW-TIME="DTSTART:{utc(start)};STATUS:;"'
        extra = [f"X-CALENDARSERVER-PRIVATE-COMMENT:{escape(f'{words} {comment}'.strip())}"]
        ics = _calendar(said, f"PARTSTAT={partstat or 'TENTATIVE'};{proposed}", extra)
        return _mail(said, f"{PAST['TENTATIVE']}: {invitation.summary}", ics)


def _calendar(said: Said, answer: str, extra: list[str]) -> bytes:
    invitation, name = said.about, quoted(said.shown_name)
    start, end = times_of(invitation)
    organizer = f"CN={quoted(invitation.organizer_name)};EMAIL={quoted(invitation.organizer)}"
    return calendar_text(
        [
            "BEGIN:VCALENDAR",
            "CALSCALE:GREGORIAN",
            "METHOD:REPLY",
            "PRODID:-//Apple Inc.//iOS 17.5.1//EN",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            f"ATTENDEE;CN={name};CUTYPE=INDIVIDUAL;EMAIL={quoted(said.address)}"
            f";{answer}:mailto:{said.address}",
            f"DTEND:{utc(end)}",
            f"DTSTAMP:{utc(said.now)}",
            f"DTSTART:{utc(start)}",
            f"LAST-MODIFIED:{utc(said.now)}",
            f"ORGANIZER;{organizer}:mailto:{invitation.organizer}",
            f"SEQUENCE:{invitation.sequence}",
            f"SUMMARY:{escape(invitation.summary)}",
            f"UID:{invitation.uid}",
            *extra,
            "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )


def _mail(said: Said, subject: str, ics: bytes) -> bytes:
    key = mime.fingerprint("apple", said.address, subject, said.now, ics).upper()
    parts = [
        mime.as_quoted("text/plain; charset=utf-8", f"{said.comment}\r\n".encode()),
        mime.as_quoted("text/calendar; charset=utf-8; method=REPLY", ics),
    ]
    headers = [
        ("From", mime.mailbox(said.name, said.address)),
        ("Subject", mime.words(subject)),
        ("Message-Id", f"<{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}@example.com>"),
        ("Date", mime.date(said.now)),
        ("To", said.about.organizer),
        ("X-Mailer", "iPhone Mail (21F90)"),
    ]
    return mime.mail(headers, mime.multipart("alternative", f"Apple-Mail-{key}", parts))
