"""Google Calendar and Gmail, as their mails looked in captures of 2021 and 2025.

UTC times, a full copy of the event with its foreign X- properties, the note inside the ATTENDEE
line and HTML-escaped, a VALARM in the answer, and `Auto-Submitted` on a person's own words.
"""

import html
from dataclasses import dataclass
from datetime import datetime

from adapters.attendees import composing as mime
from adapters.attendees.client import PAST, Said, times_of, utc
from adapters.attendees.invitation import Invitation
from adapters.attendees.lines import calendar_text, escape, quoted

_HOST = "calendar.example.com"


@dataclass(frozen=True)
class Google:
    """`labels_counter_as_reply` gives the shape of 2021: METHOD:COUNTER in a part labelled
    method=REPLY (calendar-mail §3, shape 2)."""

    labels_counter_as_reply: bool = False
    name: str = "Google Calendar"
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
        start, end = times_of(invitation)
        ics = _calendar("REPLY", said, partstat, start, end)
        subject = f"{PAST[partstat]}: {_what(invitation, start, end)}"
        return _mail(said, subject, f"has {_VERB[partstat]} this invitation.", "REPLY", ics)

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
        said = Said(invitation, attendee_address, attendee_name, now, comment)
        ics = _calendar("COUNTER", said, partstat or "TENTATIVE", start, end)
        label = "REPLY" if self.labels_counter_as_reply else "COUNTER"
        subject = f"New time proposed: {_what(invitation, start, end)}"
        return _mail(said, subject, "has proposed a new time for this event.", label, ics)


_VERB = {"ACCEPTED": "accepted", "TENTATIVE": "replied maybe to", "DECLINED": "declined"}


def _what(invitation: Invitation, start: datetime, end: datetime) -> str:
    when = f"{start:%a %b} {start.day}, {start.year} {start:%H:%M} - {end:%H:%M} (UTC)"
    return f"{invitation.summary} @ {when} ({invitation.organizer_name})"


def _guest(said: Said, partstat: str) -> str:
    line = (
        f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={partstat}"
        f";CN={quoted(said.address)};X-NUM-GUESTS=0"
    )
    if said.comment:
        note = html.escape(said.comment, quote=True).replace("&#x27;", "&#39;")
        line += f';X-RESPONSE-COMMENT="{escape(note)}"'
    return f"{line}:mailto:{said.address}"


def _calendar(method: str, said: Said, partstat: str, start: datetime, end: datetime) -> bytes:
    invitation, now = said.about, said.now
    return calendar_text(
        [
            "BEGIN:VCALENDAR",
            "PRODID:-//Google Inc//Google Calendar 70.9054//EN",
            "VERSION:2.0",
            "CALSCALE:GREGORIAN",
            f"METHOD:{method}",
            "BEGIN:VEVENT",
            f"DTSTART:{utc(start)}",
            f"DTEND:{utc(end)}",
            f"DTSTAMP:{utc(now)}",
            f"ORGANIZER;CN={quoted(invitation.organizer_name)}:mailto:{invitation.organizer}",
            f"UID:{invitation.uid}",
            _guest(said, partstat),
            *_foreign(invitation),
            "ATTACH;FILENAME=notes.pdf;FMTTYPE=application/pdf:?view=att&th=1&attid=0.1",
            f"CREATED:{utc(now)}",
            f"DESCRIPTION:{escape(invitation.description)}",
            f"LAST-MODIFIED:{utc(now)}",
            f"LOCATION:{escape(invitation.location)}",
            f"SEQUENCE:{invitation.sequence}",
            "STATUS:CONFIRMED",
            f"SUMMARY:{escape(invitation.summary)}",
            "TRANSP:OPAQUE",
            *_alarm(invitation),
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )


def _foreign(invitation: Invitation) -> list[str]:
    """X- properties it does not know, copied as they came."""
    return [f"{line.name}:{line.value}" for line in invitation.lines if line.name[:2] == "X-"]


def _alarm(invitation: Invitation) -> list[str]:
    """A reminder by mail, with an ATTENDEE of its own that is nobody's answer."""
    return [
        "BEGIN:VALARM",
        "ACTION:EMAIL",
        "DESCRIPTION:This is an event reminder",
        f"SUMMARY:Alarm notification: {escape(invitation.summary)}",
        "ATTENDEE:mailto:alarm@calendar.example.com",
        "TRIGGER:-P0DT0H30M0S",
        "END:VALARM",
    ]


def _mail(said: Said, subject: str, deed: str, label: str, ics: bytes) -> bytes:
    key = mime.fingerprint("google", said.address, subject, said.now, ics)
    sender = mime.mailbox(said.name, said.address)
    headers = [
        ("Reply-To", sender),
        ("Sender", f"Google Calendar <calendar-notification@{_HOST}>"),
        ("Auto-Submitted", "auto-generated"),
        ("Message-ID", f"<calendar-{key}@{_HOST}>"),
        ("Date", mime.date(said.now)),
        ("Subject", mime.words(subject)),
        ("From", sender),
        ("To", said.about.organizer),
    ]
    return mime.mail(headers, _body(said, f"{said.shown_name} {deed}", label, ics, key[:16]))


def _body(said: Said, words: str, label: str, ics: bytes, key: str) -> mime.Body:
    text = f"{words}\r\n\r\n{said.comment}\r\n\r\n{said.about.summary}\r\n"
    page = (
        f"<html><body><p>{html.escape(words)}</p><p>{html.escape(said.comment)}</p></body></html>"
    )
    calendar_type = f'text/calendar; charset="UTF-8"; method={label}'
    alternative = mime.multipart(
        "alternative",
        f"000000000000{key}a",
        [
            mime.as_base64('text/plain; charset="UTF-8"; format=flowed; delsp=yes', text.encode()),
            mime.as_quoted('text/html; charset="UTF-8"', page.encode()),
            mime.as_plain(calendar_type, ics),
        ],
    )
    copy = mime.as_base64(
        'application/ics; name="invite.ics"',
        ics,
        'Content-Disposition: attachment; filename="invite.ics"',
    )
    return mime.multipart("mixed", f"000000000000{key}b", [alternative, copy])
