"""Integrators' own mails, put together: the one function that builds them, and looks them over.

Equal arguments give equal bytes, so a repeated request writes the same mail. From is always
`no-reply@` the mail domain: what is signed and reported is ours, and an answer to it would reach
nobody, so whoever wants answers names a Reply-To.
"""

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from adapters.calendar_mail.writing import clean, headers, mime
from adapters.calendar_mail.writing.identity import digest
from adapters.general_mail import ready
from adapters.general_mail.inspection import Intended, look_over
from domain.outbox.model import Draft
from domain.outbox.requests import TEXT_LIMIT, Correspondent, MessageOrder, ReadyMime, Words
from domain.values import scrubbed

HeaderLine = tuple[str, str]

AUTOMATIC = (
    ("Auto-Submitted", "auto-generated"),  # RFC 3834 §5
    ("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply"),
)


def message_id(kind: str, stream: str, occasion: str, recipient: str, mail_domain: str) -> str:
    """The Message-ID of a business key. Addresses that differ in case only share one, and the
    outbox keeps each Message-ID once: so the key is unique whatever the case."""
    return f"<{digest(kind, stream, occasion, recipient.casefold())}@{mail_domain}>"


class GeneralMailWriter:
    """Writes the mails of integrators. `mail_domain` is what they come from."""

    def __init__(self, mail_domain: str) -> None:
        self._mail_domain = mail_domain

    def compose(
        self,
        order: MessageOrder,
        mail_from: str,
        at: datetime,
        unsubscribe: Sequence[HeaderLine] = (),
    ) -> Draft:
        """The finished mail, read back and compared before it is handed out.

        `mail_from` is the envelope sender, `at` the Date, `unsubscribe` the List-Unsubscribe lines
        of an optional mail. Raises `BadInput` for ready MIME that cannot be sent as it is, and
        `CannotWrite` when the bytes do not say what was meant.
        """
        mail_id = message_id(
            order.kind, order.stream, order.occasion, order.recipient.address, self._mail_domain
        )
        intended = self._intended(order, mail_id)
        lines = [("Date", format_datetime(at)), *_addressed(intended, mail_id)]
        lines += [*intended.thread, *AUTOMATIC, *unsubscribe, ("MIME-Version", "1.0")]
        lines += intended.body.headers
        raw = headers.block(lines) + mime.CRLF + intended.body.body
        look_over(raw, [name for name, _ in lines], intended)
        return Draft(
            kind=order.kind,
            subject=order.stream,
            occasion=order.occasion,
            recipient=order.recipient.address,
            party=None,
            mail_from=mail_from,
            message_id=mail_id,
            raw=raw,
            postage=order.postage,
        )

    def _intended(self, order: MessageOrder, mail_id: str) -> Intended:
        sender = Correspondent(
            address=f"no-reply@{self._mail_domain}", name=clean.name(order.sender_name)
        )
        mailboxes = {"From": sender, "To": _tidy(order.recipient)}
        if order.reply_to is not None:
            mailboxes["Reply-To"] = _tidy(order.reply_to)
        if isinstance(order.content, ReadyMime):
            found = ready.read(order.content.raw, order.recipient.address)
            return Intended(found.subject, mailboxes, found.body, thread=found.thread)
        words = _tidy_words(order.content)
        body = body_of(words, digest("boundary", mail_id))
        return Intended(words.subject, mailboxes, body, words=words)


def _tidy(one: Correspondent) -> Correspondent:
    return Correspondent(address=one.address, name=clean.name(one.name))


def _tidy_words(words: Words) -> Words:
    return Words(
        subject=clean.title(words.subject),
        text=scrubbed(words.text, limit=TEXT_LIMIT),
        html=None if words.html is None else scrubbed(words.html, limit=TEXT_LIMIT),
    )


def _addressed(intended: Intended, mail_id: str) -> list[HeaderLine]:
    lines = [
        (name, headers.mailbox(one.name, one.address))
        for name in ("From", "Reply-To", "To")
        if (one := intended.mailboxes.get(name)) is not None
    ]
    subject = ("Subject", headers.encoded(intended.subject))
    return [*lines, subject, ("Message-ID", mail_id)]


def body_of(words: Words, key: str) -> mime.Part:
    """Text alone, or text and HTML as alternatives (RFC 2046 §5.1.4)."""
    plain = mime.text('text/plain; charset="UTF-8"', words.text + "\n")
    if words.html is None:
        return plain
    page = mime.text('text/html; charset="UTF-8"', words.html + "\n")
    return mime.multipart("alternative", f"=_a_{key}", [plain, page])
