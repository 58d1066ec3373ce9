"""Parts that may hold an answer we cannot or will not open; named so that a person is asked."""

import re

from adapters.calendar_mail.reading.parts import Part
from adapters.calendar_mail.reading.problems import Problems

_NAMES = {
    "application/ms-tnef": "an answer may be packed in winmail.dat (TNEF), which is not opened",
    "application/vnd.ms-tnef": "an answer may be packed in winmail.dat (TNEF), which is not opened",
    "application/pkcs7-mime": "the content is sealed with S/MIME and was not opened",
    "application/x-pkcs7-mime": "the content is sealed with S/MIME and was not opened",
    "application/pgp-encrypted": "the content is encrypted with PGP and was not opened",
    "message/rfc822": "another mail is attached; what it says is not the sender's word",
    "message/partial": "only a piece of a mail that was split (message/partial)",
    "application/calendar+xml": "a calendar in XML (RFC 6321) is not read",
    "application/calendar+json": "a calendar in JSON (RFC 7265) is not read",
}
_MEETING_CLASS = re.compile(
    rb"IPM\.(?:Schedule\.Meeting\.Resp\.|Microsoft Schedule\.Mtg)(Pos|Neg|Tent|RespP|RespN|RespA)",
    re.IGNORECASE,
)
_ANSWERS = {
    b"pos": "accepted",
    b"respp": "accepted",
    b"neg": "declined",
    b"respn": "declined",
    b"tent": "tentative",
    b"respa": "tentative",
}


def name_wrappings(parts: list[Part], problems: Problems) -> None:
    """Say for each part of `parts` that may hide an answer what it is."""
    for part in parts:
        sentence = _NAMES.get(part.content_type)
        if sentence is None and part.filename == "winmail.dat":
            sentence = _NAMES["application/ms-tnef"]
        if sentence is not None:
            problems.say(sentence + _answer_in_tnef(part))


def _answer_in_tnef(part: Part) -> str:
    """What kind of message a TNEF part says it is (MS-OXTNEF attMessageClass)."""
    if not part.content_type.endswith("ms-tnef") and part.filename != "winmail.dat":
        return ""
    found = _MEETING_CLASS.search(part.content(Problems())[:65536])
    return f"; it looks like an Outlook answer: {_ANSWERS[found[1].lower()]}" if found else ""
