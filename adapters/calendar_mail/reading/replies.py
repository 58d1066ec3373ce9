"""Whether a mail is a person's reply in words, to which a program added the invitation again."""

import re

from adapters.calendar_mail.reading.headers import Headers
from adapters.calendar_mail.reading.phrases import REPLY_SUBJECT

_LABELLED = re.compile(
    r"^[ \t*]*(?:what|when|where|who|title|date|time|organi[sz]er|location|wann|wo|was|ort|datum"
    r"|titel|veranstalter|quand|où|lieu|titre|cuándo|dónde|lugar|título)[ \t*]*:",
    re.IGNORECASE | re.MULTILINE,
)


def is_persons_reply(headers: Headers, text: str, description: str) -> bool:
    """Whether `text`, what the sender wrote, is a reply or goes before something forwarded.

    Programs send words with an invitation too, but as no reply, or as what describes the event:
    its own `description`, or lines like "When: ..."."""
    subject = headers.text("subject") or ""
    replies = REPLY_SUBJECT.match(subject) or headers.has("in-reply-to", "references")
    return bool(text and replies) and not _describes(text, description)


def _describes(text: str, description: str) -> bool:
    shown, told = (" ".join(words.split()).casefold() for words in (text, description))
    return shown in told or len(_LABELLED.findall(text[:4000])) > 1
