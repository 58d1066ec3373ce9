"""Mails that no simulated program would write: by hand, by machines, by people who mean harm."""

from datetime import UTC, datetime
from email.utils import format_datetime

from adapters.attendees.invitation import Invitation


def letter(sender: str, to: str, subject: str, body: str, *headers: str) -> bytes:
    """A mail of one part: text, unless a header says otherwise."""
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        "MIME-Version: 1.0",
        *(headers or ("Content-Type: text/plain; charset=utf-8",)),
        "",
        body,
    ]
    return ("\n".join(lines) + "\n").replace("\n", "\r\n").encode()


def vacation(sender: str, to: str) -> bytes:
    """An automatic reply (RFC 3834)."""
    return letter(
        sender,
        to,
        "Automatic reply: Invitation",
        "I am at the sea until Monday.",
        "Auto-Submitted: auto-replied",
        "Content-Type: text/plain; charset=utf-8",
    )


def bounce(address: str, to: str, message_id: str) -> bytes:
    """A delivery report: nobody lives at `address` (RFC 3464)."""
    report = f"""\
--d
Content-Type: text/plain

This is the mail system at host mx.example.org.
--d
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user

--d
Content-Type: text/rfc822-headers

Message-ID: {message_id}
--d--"""
    kind = 'Content-Type: multipart/report; report-type=delivery-status; boundary="d"'
    sender = "Mail Delivery System <mailer-daemon@example.org>"
    return letter(sender, to, "Undelivered Mail Returned to Sender", report, kind)


def cancel(invitation: Invitation, sender: str) -> bytes:
    """A CANCEL from a participant, as Exchange sends one when an event is deleted."""
    event = f"""\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Client//EN
METHOD:CANCEL
BEGIN:VEVENT
UID:{invitation.uid}
DTSTAMP:{datetime.now(UTC):%Y%m%dT%H%M%SZ}
SEQUENCE:{invitation.sequence}
ORGANIZER:mailto:{invitation.organizer}
ATTENDEE:mailto:{sender}
STATUS:CANCELLED
END:VEVENT
END:VCALENDAR"""
    kind = "Content-Type: text/calendar; charset=utf-8; method=CANCEL"
    return letter(sender, invitation.organizer, "Canceled: a talk", event, kind)
