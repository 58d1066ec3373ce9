"""A reply in words, as anybody may write one from any program (calendar-mail §3, shape 6)."""

from datetime import datetime

from adapters.attendees import composing as mime
from adapters.attendees.invitation import Invitation


def note(
    invitation: Invitation,
    attendee_address: str,
    attendee_name: str,
    words: str,
    now: datetime,
) -> bytes:
    """A plain reply to the invitation's mail, without a calendar part."""
    key = mime.fingerprint("note", attendee_address, words, now, invitation.uid)
    headers = [
        ("Message-ID", f"<{key}@example.org>"),
        ("Date", mime.date(now)),
        ("From", mime.mailbox(attendee_name, attendee_address)),
        ("To", mime.mailbox(invitation.organizer_name, invitation.organizer)),
        ("Subject", mime.words(f"Re: {invitation.subject}")),
        *([("In-Reply-To", invitation.message_id)] if invitation.message_id else []),
    ]
    return mime.mail(headers, mime.as_plain("text/plain; charset=UTF-8", words.encode()))
