"""Parts of a digest become one mail: a heading for each, in the order they were asked for.

Parts are mails of ours, so they are read back as they were written. The digest goes out under the
stream and the bounce address of its first part, which are known already.
"""

import email
import html
import re
from collections.abc import Sequence
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import format_datetime, getaddresses

from adapters.calendar_mail.writing import clean, headers, mime
from adapters.calendar_mail.writing.identity import digest
from adapters.general_mail.composing import AUTOMATIC, body_of, message_id
from adapters.general_mail.inspection import Intended, look_over
from domain.outbox.digests import DigestKey, read_key, subject_words
from domain.outbox.model import Draft, Part
from domain.outbox.requests import Correspondent, Words
from domain.postage import OnUnknown, Postage, Priority

_UNSUBSCRIBE = ("List-Unsubscribe", "List-Unsubscribe-Post")
_INNER = re.compile(r"<body\b[^>]{0,1000}>(.*)</body>", re.IGNORECASE | re.DOTALL)


class DigestWriter:
    """Writes digests. `mail_domain` is what they come from."""

    def __init__(self, mail_domain: str) -> None:
        self._mail_domain = mail_domain

    def compose(self, parts: Sequence[Part]) -> Draft:
        """One mail of `parts`, which share a digest key; equal parts give equal bytes.

        Raises `CannotWrite` when the bytes do not say what was meant.
        """
        first, key = parts[0], read_key(parts[0].digest)
        read = [email.message_from_bytes(one.raw, policy=policy.compat32) for one in parts]
        occasion = f"digest/{digest(*(str(one.id) for one in parts))}"
        mail_id = message_id(
            first.kind, first.subject, occasion, first.recipient, self._mail_domain
        )
        words = _words(key, [_words_of(one) for one in read])
        return Draft(
            kind=first.kind,
            subject=first.subject,
            occasion=occasion,
            recipient=first.recipient,
            party=first.party,
            mail_from=first.mail_from,
            message_id=mail_id,
            raw=_raw(words, mail_id, parts, read),
            postage=_postage(key),
        )


def _postage(key: DigestKey) -> Postage:
    """A copy of a digest would be worse than a loss."""
    return Postage(priority=Priority.BULK, on_unknown=OnUnknown.ASSUME_SENT, optional=key.optional)


def _raw(words: Words, mail_id: str, parts: Sequence[Part], read: Sequence[Message]) -> bytes:
    mailboxes = _mailboxes(read)
    body = body_of(words, digest("boundary", mail_id))
    lines = [("Date", format_datetime(parts[-1].created_at))]
    lines += [(name, headers.mailbox(one.name, one.address)) for name, one in mailboxes.items()]
    lines += [("Subject", headers.encoded(words.subject)), ("Message-ID", mail_id), *AUTOMATIC]
    lines += [(name, str(read[0][name])) for name in _UNSUBSCRIBE if name in read[0]]
    lines += [("MIME-Version", "1.0"), *body.headers]
    raw = headers.block(lines) + mime.CRLF + body.body
    look_over(raw, [name for name, _ in lines], Intended(words.subject, mailboxes, body, words))
    return raw


def _mailboxes(read: Sequence[Message]) -> dict[str, Correspondent]:
    """From and To of the first part; Reply-To where all parts have the same."""
    found = {name: _mailbox(read[0], name) for name in ("From", "To")}
    if len({str(one["Reply-To"]) for one in read}) == 1 and "Reply-To" in read[0]:
        found["Reply-To"] = _mailbox(read[0], "Reply-To")
    return found


def _mailbox(message: Message, name: str) -> Correspondent:
    [(shown, address)] = getaddresses([str(message[name])])
    return Correspondent(address=address, name=_decoded(shown))


def _decoded(value: str) -> str:
    return str(make_header(decode_header(value.replace("\r\n", "").replace("\n", ""))))


def _words_of(message: Message) -> Words:
    found = {
        part.get_content_type(): _text_of(part)
        for part in message.walk()
        if not part.is_multipart()
    }
    return Words(
        subject=_decoded(str(message["Subject"])),
        text=found.get("text/plain", ""),
        html=found.get("text/html"),
    )


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    octets = content if isinstance(content, bytes) else b""
    return octets.decode("utf-8", "replace").replace("\r\n", "\n").strip()


def _words(key: DigestKey, parts: Sequence[Words]) -> Words:
    subject = clean.title(subject_words(key, [one.subject for one in parts]))
    if len(parts) == 1:
        return parts[0].model_copy(update={"subject": subject})
    text = "\n\n\n".join(f"{one.subject}\n{_rule(one.subject)}\n\n{one.text}" for one in parts)
    has_html = any(one.html is not None for one in parts)
    return Words(subject=subject, text=text, html=_page(parts) if has_html else None)


def _rule(heading: str) -> str:
    return "=" * min(max(len(heading), 3), 60)


def _page(parts: Sequence[Words]) -> str:
    return "\n<hr>\n".join(f"<h2>{html.escape(one.subject)}</h2>\n{_inner(one)}" for one in parts)


def _inner(part: Words) -> str:
    """What stands between the tags of its page; of a part without a page, its text."""
    if part.html is None:
        return f'<p style="white-space: pre-wrap">{html.escape(part.text)}</p>'
    inner = _INNER.search(part.html)
    return inner[1].strip() if inner else part.html
