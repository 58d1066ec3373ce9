"""Letters become mail: the one place where outgoing calendar mail is put together."""

from email.utils import format_datetime

from adapters.calendar_mail.writing import clean, headers, mime
from adapters.calendar_mail.writing.event import CalendarObject, to_ics
from adapters.calendar_mail.writing.identity import digest, message_id, thread_id
from adapters.calendar_mail.writing.inspection import check
from adapters.calendar_mail.writing.pages import Facts, as_html, as_text, facts_for
from adapters.calendar_mail.writing.plan import calendar_object
from adapters.calendar_mail.writing.subject import subject_of
from adapters.calendar_mail.writing.unsubscribe import list_unsubscribe
from adapters.calendar_mail.writing.wording import Reader
from domain.meetings.card import MeetingCard
from domain.meetings.letters import Letter, LetterKind
from domain.meetings.messages import stream_of
from domain.meetings.postage import postage_of
from domain.outbox.marks import mark_of
from domain.outbox.model import Draft
from domain.values import as_address

_AUTOMATIC = frozenset(
    {
        LetterKind.PROPOSAL_QUESTION,
        LetterKind.PROPOSAL_WITHDRAWN,
        LetterKind.ANSWER_REMINDER,
        LetterKind.PROPOSAL_REMINDER,
        LetterKind.MEETING_REMINDER,
        LetterKind.NOTICE,
    }
)
"""Letters marked as automatic (RFC 3834). Not those with a calendar part: no client was seen to
lose its answer buttons over the mark, but none was shown to keep them either."""


class MailLetterWriter:
    """Writes letters as calendar mail (RFC 5545, 5546, 6047).

    Equal arguments give equal bytes: Date and DTSTAMP are the instant of the decision,
    Message-ID and MIME boundaries come from the business key. So a step that runs twice writes
    the same mail twice, and receivers can tell that it is one.
    """

    def __init__(self, mail_domain: str) -> None:
        self._mail_domain = mail_domain

    def compose(self, letter: Letter, card: MeetingCard) -> Draft:
        """The finished mail, read back and compared before it is handed out.

        Raises `CannotWrite` when letter and card do not make a mail, or the bytes do not say
        what was meant; `BadAddress` when an address of the card is not one.
        """
        reader = Reader(letter, card)
        party = reader.party
        for address in (party.address, party.reply_address, party.bounce_address):
            as_address(address)
        mail_id = message_id(letter, card.meeting_id, party.address, self._mail_domain)
        planned = calendar_object(reader)
        mark = mark_of(mail_id)
        postage = postage_of(letter, party.zone)
        facts = facts_for(reader, mark, is_optional=postage.optional)
        body = _body(facts, planned, digest("boundary", mail_id))
        ways_out = (party.unsubscribe_url, party.unsubscribe_address, mark)
        lines = self._lines(reader, mail_id)
        lines += [*(list_unsubscribe(*ways_out) if postage.optional else ()), *body.headers]
        raw = headers.block(lines) + mime.CRLF + body.body
        _look_over(raw, lines, reader, planned)
        return Draft(
            kind=letter.kind.value,
            subject=stream_of(card.meeting_id),
            occasion=str(letter.occasion),
            recipient=party.address,
            party=letter.party,
            mail_from=party.bounce_address,
            message_id=mail_id,
            raw=raw,
            postage=postage,
        )

    def _lines(self, reader: Reader, mail_id: str) -> list[tuple[str, str]]:
        party = reader.party
        ours = headers.mailbox(reader.organizer, party.reply_address)
        return [
            ("Date", format_datetime(reader.letter.at)),
            ("From", ours),
            ("Reply-To", ours),
            ("To", headers.mailbox(_display_name(reader), party.address)),
            ("Subject", headers.encoded(subject_of(reader))),
            ("Message-ID", mail_id),
            *self._thread(reader, mail_id),
            *_marks(reader.letter),
            ("MIME-Version", "1.0"),
        ]

    def _thread(self, reader: Reader, mail_id: str) -> list[tuple[str, str]]:
        """What puts the letter into the conversation that the party's invitation opened."""
        first = thread_id(reader.letter.party, reader.card.meeting_id, self._mail_domain)
        return [] if first == mail_id else [("In-Reply-To", first), ("References", first)]


def _display_name(reader: Reader) -> str:
    return clean.name(reader.party.name)


def _marks(letter: Letter) -> list[tuple[str, str]]:
    """`DR, RN, NRN, OOF, AutoReply` rather than `All`, which would also stop the bounces that
    tell us an address is dead (MS-OXCMAIL)."""
    if letter.kind not in _AUTOMATIC:
        return []
    return [
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply"),
    ]


def _body(facts: Facts, planned: CalendarObject | None, key: str) -> mime.Part:
    """`mixed(alternative(plain, html, calendar), invite.ics)`: the structure that Google,
    Outlook, Apple and Thunderbird all draw answer buttons for (calendar-mail H3)."""
    words = [
        mime.text('text/plain; charset="UTF-8"', as_text(facts)),
        mime.text('text/html; charset="UTF-8"', as_html(facts)),
    ]
    if planned is None:
        return mime.multipart("alternative", f"=_a_{key}", words)
    ics = to_ics(planned)
    label = f"text/calendar; method={planned.method}; charset=UTF-8"
    alternative = mime.multipart(
        "alternative", f"=_a_{key}", [*words, mime.text(label, ics.decode())]
    )
    copy = mime.attachment("application/ics", ics, "invite.ics")
    return mime.multipart("mixed", f"=_m_{key}", [alternative, copy])


def _look_over(
    raw: bytes, lines: list[tuple[str, str]], reader: Reader, planned: CalendarObject | None
) -> None:
    party = reader.party
    mailboxes = {"From": party.reply_address, "Reply-To": party.reply_address, "To": party.address}
    check(raw, [name for name, _ in lines], subject_of(reader), mailboxes, planned)
