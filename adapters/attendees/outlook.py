"""Outlook and Exchange, as captured.

No ORGANIZER and no attachment; Windows time zones with a VTIMEZONE of their own; the calendar
part in base64; the words of the subject repeated in SUMMARY; STATUS:CONFIRMED whatever the
answer; a proposal names the time it was shown in X-MS-OLK-ORIGINALSTART.
"""

import html
from dataclasses import dataclass
from datetime import datetime

from adapters.attendees import composing as mime
from adapters.attendees.client import PAST, Said, times_of, utc
from adapters.attendees.invitation import Invitation
from adapters.attendees.lines import calendar_text, escape, quoted
from adapters.attendees.windows_zones import WINDOWS_ZONES, WindowsZone


@dataclass(frozen=True)
class Outlook:
    """Outlook on a machine set to `zone`, an IANA name out of `WINDOWS_ZONES`."""

    zone: str = "Europe/Berlin"
    name: str = "Outlook"
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
        subject = f"{PAST[partstat]}: {invitation.summary}"
        event = _event(said, self._zone, partstat, *times_of(invitation))
        return _mail(said, subject, "REPLY", _calendar("REPLY", self._zone, subject, event))

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
        subject = f"New Time Proposed: {invitation.summary}"
        event = _event(said, self._zone, partstat or "TENTATIVE", start, end)
        event += _original(invitation, self._zone)
        return _mail(said, subject, "COUNTER", _calendar("COUNTER", self._zone, subject, event))

    @property
    def _zone(self) -> WindowsZone:
        return WINDOWS_ZONES[self.zone]


def _event(
    said: Said, zone: WindowsZone, partstat: str, start: datetime, end: datetime
) -> list[str]:
    """A COMMENT of one line break is what Outlook sends when nothing was written."""
    invitation, address = said.about, said.address
    return [
        f"ATTENDEE;PARTSTAT={partstat};CN={quoted(said.shown_name)}:mailto:{address}",
        f"COMMENT;LANGUAGE=en-US:{escape(said.comment)}\\n",
        f"UID:{invitation.uid}",
        f"DTSTART;TZID={quoted(zone.name)}:{zone.local(start)}",
        f"DTEND;TZID={quoted(zone.name)}:{zone.local(end)}",
        "CLASS:PUBLIC",
        "PRIORITY:5",
        f"DTSTAMP:{utc(said.now)}",
        "TRANSP:OPAQUE",
        "STATUS:CONFIRMED",
        f"SEQUENCE:{invitation.sequence}",
        f"LOCATION;LANGUAGE=en-US:{escape(invitation.location)}",
        f"X-MICROSOFT-CDO-APPT-SEQUENCE:{invitation.sequence}",
        "X-MICROSOFT-CDO-OWNERAPPTID:0",
        "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
        "X-MICROSOFT-CDO-INTENDEDSTATUS:BUSY",
        "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE",
        "X-MICROSOFT-CDO-IMPORTANCE:1",
        "X-MICROSOFT-CDO-INSTTYPE:0",
        "X-MICROSOFT-DISALLOW-COUNTER:FALSE",
    ]


def _original(invitation: Invitation, zone: WindowsZone) -> list[str]:
    start, end = times_of(invitation)
    return [
        f"X-MS-OLK-ORIGINALSTART;TZID={quoted(zone.name)}:{zone.local(start)}",
        f"X-MS-OLK-ORIGINALEND;TZID={quoted(zone.name)}:{zone.local(end)}",
    ]


def _calendar(method: str, zone: WindowsZone, summary: str, event: list[str]) -> bytes:
    return calendar_text(
        [
            "BEGIN:VCALENDAR",
            f"METHOD:{method}",
            "PRODID:Microsoft Exchange Server 2010",
            "VERSION:2.0",
            *zone.lines(),
            "BEGIN:VEVENT",
            *event,
            f"SUMMARY;LANGUAGE=en-US:{escape(summary)}",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )


def _mail(said: Said, subject: str, method: str, ics: bytes) -> bytes:
    key = mime.fingerprint("outlook", said.address, subject, said.now, ics).upper()
    invitation = said.about
    headers = [
        ("From", mime.mailbox(said.name, said.address)),
        ("To", mime.mailbox(invitation.organizer_name, invitation.organizer)),
        ("Subject", mime.words(subject)),
        ("Thread-Topic", mime.words(invitation.summary)),
        ("Thread-Index", "AdKtMMNDX7y5cW0rR2y0l5c6p1mYvQ=="),
        ("Date", mime.date(said.now)),
        ("Message-ID", f"<{key}@mail.outlook.example.com>"),
        *([("In-Reply-To", invitation.message_id)] if invitation.message_id else []),
        ("Accept-Language", "en-US"),
        ("Content-Language", "en-US"),
        ("X-MS-Has-Attach", ""),
        ("X-MS-TNEF-Correlator", ""),
    ]
    return mime.mail(headers, _body(said.comment, method, ics, key))


def _body(comment: str, method: str, ics: bytes, key: str) -> mime.Body:
    page = f"<html><body><p>{html.escape(comment) or '&nbsp;'}</p></body></html>"
    charset = "us-ascii" if comment.isascii() else "utf-8"
    parts = [
        mime.as_quoted(f'text/plain; charset="{charset}"', f"{comment}\r\n".encode()),
        mime.as_quoted(f'text/html; charset="{charset}"', page.encode()),
        mime.as_base64(f'text/calendar; charset="utf-8"; method={method}', ics),
    ]
    return mime.multipart("alternative", f"_000_{key}_", parts)
