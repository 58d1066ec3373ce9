"""The last look at an integrator's mail: does it read back as exactly what was meant?"""

import email
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from adapters.calendar_mail.writing import mime
from adapters.calendar_mail.writing.errors import CannotWrite
from domain.outbox.requests import Correspondent, Words


@dataclass(frozen=True)
class Intended:
    """What a mail shall say. `words` is None for ready MIME, whose body is its sender's own."""

    subject: str
    mailboxes: dict[str, Correspondent]
    body: mime.Part
    words: Words | None = None
    thread: tuple[tuple[str, str], ...] = ()


def look_over(raw: bytes, names: list[str], intended: Intended) -> None:
    """Raises `CannotWrite` unless `raw` has exactly the headers `names` in this order, the
    intended subject and mailboxes, and the intended body."""
    message = _parsed(raw, intended)
    if message.keys() != names:
        extra = sorted(set(message.keys()) ^ set(names))
        raise CannotWrite(f"The header lines read back differently: {', '.join(extra)[:200]}.")
    if message.defects:
        raise CannotWrite("The mail reads back with defects.")
    if _decoded(message, "Subject") != intended.subject:
        raise CannotWrite("The subject reads back differently.")
    for name, one in intended.mailboxes.items():
        _check_mailbox(message, name, one)
    if raw.partition(b"\r\n\r\n")[2] != intended.body.body:
        raise CannotWrite("The body does not begin where it should.")
    if intended.words is not None:
        _check_words(message, intended.words)


def _parsed(raw: bytes, intended: Intended) -> Message:
    """Ready MIME is read no further than its headers: what is in it is not ours to parse."""
    if intended.words is None:
        return BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
    return email.message_from_bytes(raw, policy=policy.compat32)


def _decoded(message: Message, name: str) -> str:
    folded = str(message[name]).replace("\r\n", "").replace("\n", "")
    return str(make_header(decode_header(folded)))


def _check_mailbox(message: Message, name: str, one: Correspondent) -> None:
    found = getaddresses([str(message[name])])
    if [address for _, address in found] != [one.address]:
        raise CannotWrite(f"The {name} header does not read back as one address.")
    shown = str(make_header(decode_header(found[0][0].replace("\r\n", ""))))
    if shown != one.name:
        raise CannotWrite(f"The name in {name} reads back differently.")


def _check_words(message: Message, words: Words) -> None:
    wanted = [("text/plain", words.text)]
    if words.html is not None:
        wanted.append(("text/html", words.html))
    parts = [part for part in message.walk() if not part.is_multipart()]
    if any(part.defects for part in message.walk()):
        raise CannotWrite("A part of the mail reads back with defects.")
    if [(part.get_content_type(), _text_of(part)) for part in parts] != wanted:
        raise CannotWrite("The body reads back differently.")


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    octets = content if isinstance(content, bytes) else b""
    return octets.decode().replace("\r\n", "\n").removesuffix("\n")
