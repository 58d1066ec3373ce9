"""The last look at a mail before it leaves: does it read back as exactly what was meant?

Catches what no encoder may be trusted with (mail-safety §9): a header too many, another
recipient, a calendar that says something else than the decision. Reads with the standard
library's old parser: the bytes were written without it, and it takes a third of the new one's
time.
"""

import email
from dataclasses import fields
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from adapters.calendar_mail.writing.errors import CannotWrite
from adapters.calendar_mail.writing.event import CalendarObject, property_names, read_back


def check(
    raw: bytes,
    headers: list[str],
    subject: str,
    mailboxes: dict[str, str],
    planned: CalendarObject | None,
) -> None:
    """Raises `CannotWrite` unless `raw` has exactly these `headers` in this order, this decoded
    `subject`, one address each in `mailboxes`, and `planned` as its only calendar object."""
    message = email.message_from_bytes(raw, policy=policy.compat32)
    _check_headers(message, headers)
    if _decoded(message, "Subject") != subject:
        raise CannotWrite("The subject reads back differently.")
    for name, address in mailboxes.items():
        _check_mailbox(message, name, address)
    _check_structure(message, planned)


def _check_headers(message: Message, headers: list[str]) -> None:
    if message.keys() != headers:
        extra = sorted(set(message.keys()) ^ set(headers))
        raise CannotWrite(f"The header lines read back differently: {', '.join(extra)[:200]}.")
    if message.defects:
        raise CannotWrite("The mail reads back with defects.")


def _check_mailbox(message: Message, name: str, address: str) -> None:
    found = [spec for _, spec in getaddresses([str(message[name])])]
    if found != [address]:
        raise CannotWrite(f"The {name} header does not read back as one address.")


def _decoded(message: Message, name: str) -> str:
    folded = str(message[name]).replace("\r\n", "").replace("\n", "")
    return str(make_header(decode_header(folded)))


def _check_structure(message: Message, planned: CalendarObject | None) -> None:
    words = ["multipart/alternative", "text/plain", "text/html"]
    expected = (
        words
        if planned is None
        else ["multipart/mixed", *words, "text/calendar", "application/ics"]
    )
    parts = list(message.walk())
    if [part.get_content_type() for part in parts] != expected:
        raise CannotWrite("The parts of the mail read back differently.")
    if any(part.defects for part in parts):
        raise CannotWrite("A part of the mail reads back with defects.")
    if planned is not None:
        _check_calendar(parts[-2], parts[-1], planned)


def _check_calendar(inline: Message, attached: Message, planned: CalendarObject) -> None:
    if inline.get_param("method") != planned.method:
        raise CannotWrite("The calendar part is not labelled with its method.")
    ics = _content(inline)
    if ics != _content(attached):
        raise CannotWrite("The two copies of the calendar differ.")
    try:
        found, names = read_back(ics)
    except (ValueError, KeyError, AttributeError) as cause:
        raise CannotWrite("The calendar cannot be read back.") from cause
    _check_values(found, planned)
    if names != property_names(planned):
        raise CannotWrite("The calendar has properties that nobody meant.")


def _check_values(found: CalendarObject, planned: CalendarObject) -> None:
    differing = [
        field.name
        for field in fields(CalendarObject)
        if getattr(found, field.name) != getattr(planned, field.name)
    ]
    if differing:
        raise CannotWrite(f"The calendar reads back differently: {', '.join(differing)}.")


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
