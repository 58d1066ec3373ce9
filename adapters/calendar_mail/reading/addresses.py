"""Addresses as calendars and mail headers write them."""

import re
from urllib.parse import unquote

from adapters.calendar_mail.reading.problems import on_one_line
from adapters.calendar_mail.reading.tokens import ContentLine

_MAILBOX = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)')
_LONGEST = 320  # RFC 5321: 64 for the local part, 255 for the domain


def plain_address(value: str) -> str:
    """A cal-address as one comparable form: lower case, percent-decoded, without `mailto:`,
    angle brackets and mailto parameters (RFC 6068). What is no mail address comes back as
    such a form too; ask `is_mailbox`."""
    value = value.strip(" \t\"'<>")
    while value[:7].lower() == "mailto:":
        value = value[7:].split("?", 1)[0].strip(" \t\"'<>")
    if inside := re.search(r"<([^<>]*@[^<>]*)>?$", value):
        value = inside[1]
    if "%" in value:
        value = unquote(value, errors="replace").strip(" \t\"'<>")
    return on_one_line(value, _LONGEST).lower()


def is_mailbox(address: str) -> bool:
    """Whether `address` could be written to, as far as its form tells."""
    return _MAILBOX.fullmatch(address) is not None


def address_of(line: ContentLine) -> str:
    """Who an ATTENDEE or ORGANIZER line is about. Servers write a path or an opaque URI and put
    the mail address into EMAIL (RFC 7986 §6.2); Apple Mail writes `invalid:nomail`."""
    address = plain_address(line.value)
    stated = plain_address(line.params.get("EMAIL", ""))
    if not is_mailbox(address) and is_mailbox(stated):
        return stated
    return address


def all_addresses_of(line: ContentLine) -> tuple[str, ...]:
    """Every address that the line gives for its one person: the value and EMAIL (iCloud names
    an opaque address and the real one)."""
    both = (plain_address(line.value), plain_address(line.params.get("EMAIL", "")))
    return tuple(dict.fromkeys(address for address in both if address))


def mailboxes(header: str) -> list[str]:
    """The addresses in a From header, in lower case; display names are never taken for one."""
    bare = _QUOTED.sub(" ", header[:4000])
    angled = re.findall(r"<([^<>]*)>", bare)
    found = [_MAILBOX.fullmatch(text.strip()) for text in angled]
    boxes = [match.group().lower() for match in found if match]
    if angled:
        return boxes
    return [match.group().lower() for match in _MAILBOX.finditer(bare)]
