"""The subject line."""

from adapters.calendar_mail.writing import clean
from adapters.calendar_mail.writing.wall_time import short_words
from adapters.calendar_mail.writing.wording import Reader, wording


def subject_of(reader: Reader) -> str:
    """`Invitation: Coffee - Mon 1 Mar 2027, 09:00 (UTC+00:00)`, the time in the reader's zone."""
    title = clean.title(reader.card.title) or "Meeting"
    subject = f"{wording(reader).label}: {title}"
    slot = reader.letter.proposed or reader.letter.slot
    return f"{subject} - {short_words(slot, reader.party.zone)}" if slot else subject
