"""From the bytes of one mail to what it says. The entry of this package.

Runs in the sandbox; what it returns is plain data. It knows no meeting: everything is read as
if mailed to the organizer.
"""

import re
from dataclasses import replace

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.addresses import mailboxes
from adapters.calendar_mail.reading.automatic import (
    is_automatic,
    is_bounce,
    is_written_by_program,
    resembles_bounce,
)
from adapters.calendar_mail.reading.calendars import Calendars, begins_calendar, is_calendar
from adapters.calendar_mail.reading.headers import Headers, split_headers
from adapters.calendar_mail.reading.objects import Correspondents, Said
from adapters.calendar_mail.reading.parts import Part, leaves
from adapters.calendar_mail.reading.problems import Problems, on_one_line
from adapters.calendar_mail.reading.replies import is_persons_reply
from adapters.calendar_mail.reading.reports import (
    complaint_of,
    decisive,
    deliveries_of,
    envelope_id_of,
)
from adapters.calendar_mail.reading.words import text_written
from adapters.calendar_mail.reading.wrappings import name_wrappings
from domain.inbox.model import Reading, Verdict

_MAIL_HEADERS = (
    "from", "to", "subject", "date", "message-id", "received", "return-path", "mime-version",
    "content-type", "delivered-to", "sender", "reply-to",
)  # fmt: skip
_TO_HEADERS = ("to", "delivered-to", "x-original-to", "envelope-to")
_LEADING = re.compile(rb"\A(?:\xef\xbb\xbf|\s)+")


def read_mail(raw: bytes) -> Reading:
    """What `raw`, a mail or a bare calendar object, says. Never raises for any bytes."""
    problems = Problems()
    try:
        return _read(raw, problems)
    except (Exception, RecursionError, MemoryError) as error:
        problems.say(f"the reader gave up on it ({type(error).__name__})")
        return Reading(verdict=Verdict.UNREADABLE, problems=problems.said())


def read_calendar(raw: bytes) -> Reading:
    """What `raw`, a calendar object in a file of its own, says. Never raises for any bytes."""
    problems = Problems()
    try:
        raw = _bounded(raw, problems)
        return _read(raw, problems) if _is_mail(raw) else _calendar_alone(raw, problems)
    except (Exception, RecursionError, MemoryError) as error:
        problems.say(f"the reader gave up on it ({type(error).__name__})")
        return Reading(verdict=Verdict.UNREADABLE, problems=problems.said())


def _read(raw: bytes, problems: Problems) -> Reading:
    raw = _bounded(raw, problems)
    if not raw.strip():
        return _unreadable("there is nothing in it", problems)
    if begins_calendar(_LEADING.sub(b"", raw[:4096])):
        return _calendar_alone(raw, problems)
    headers, body = split_headers(_tidied(raw, problems), problems)
    if not headers.has(*_MAIL_HEADERS):
        return _unreadable("this is neither a mail nor a calendar", problems)
    return _mail(headers, leaves(headers, body, problems), problems)


def _is_mail(raw: bytes) -> bool:
    """Whether a file that is called a calendar is a mail."""
    headers, _ = split_headers(_tidied(raw, Problems()), Problems())
    return headers.has("from", "received", "return-path", "mime-version", "delivered-to")


def _bounded(raw: bytes, problems: Problems) -> bytes:
    if len(raw) > limits.MAIL_BYTES:
        problems.say(f"longer than {limits.MAIL_BYTES} bytes; the rest was not read")
    return raw[: limits.MAIL_BYTES]


def _tidied(raw: bytes, problems: Problems) -> bytes:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.say("the mail is in UTF-16")
        raw = raw.decode("utf-16", "replace").encode("utf-8", "replace")
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    if raw.startswith(b"\xef\xbb\xbf"):
        problems.say("a byte order mark stands before the headers")
    return _LEADING.sub(b"", raw)


def _unreadable(why: str, problems: Problems) -> Reading:
    problems.say(why)
    return Reading(verdict=Verdict.UNREADABLE, problems=problems.said())


def _calendar_alone(raw: bytes, problems: Problems) -> Reading:
    calendars = Calendars(Correspondents(), problems)
    said = calendars.read_alone(raw)
    if said is None and calendars.disagree:
        return Reading(verdict=Verdict.NOTE, problems=problems.said())
    if said is None:
        return _unreadable("no calendar could be read in it", problems)
    words = text_written([], said.words, problems)
    return _reading(said, words, problems, Reading(verdict=said.verdict))


def _mail(headers: Headers, parts: list[Part], problems: Problems) -> Reading:
    frame = _frame(headers, parts, problems)
    text = text_written(parts, (), problems)
    if frame.complaint is not None:
        return _plain(frame, Verdict.COMPLAINT, text, problems)
    if is_bounce(headers, parts, text):
        return _plain(frame, Verdict.BOUNCE, text, problems)
    said = Calendars(_correspondents(headers, frame.sender), problems).read_parts(parts)
    if said is not None:
        said = _unless_quoted(said, headers, parts, text, problems)
        answers = said.verdict in (Verdict.ANSWER, Verdict.PROPOSAL)
        own = [] if answers and is_written_by_program(headers) else parts
        return _reading(said, text_written(own, said.words, Problems()), problems, frame)
    name_wrappings(parts, problems)
    frame = frame.model_copy(update={"resembles_bounce": resembles_bounce(headers, parts, text)})
    return _plain(frame, _verdict_of_words(headers, parts, text), text, problems)


def _frame(headers: Headers, parts: list[Part], problems: Problems) -> Reading:
    """What can be told of any mail, and of none in particular."""
    deliveries = deliveries_of(parts)
    return Reading(
        verdict=Verdict.NOTE,
        sender=_sender(headers, problems),
        message_id=headers.text("message-id"),
        references=_references(headers),
        subject=headers.text("subject"),
        delivery=decisive(deliveries),
        deliveries=deliveries,
        envelope_id=envelope_id_of(parts),
        complaint=complaint_of(parts),
    )


_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_MOST_REFERENCES = 20


def _references(headers: Headers) -> tuple[str, ...]:
    """The Message-IDs that the mail says it answers, each once (RFC 5322 §3.6.4)."""
    values = (*headers.all("in-reply-to"), *headers.all("references"))
    found = (id for value in values for id in _MESSAGE_ID.findall(on_one_line(value, 8000)))
    return tuple(dict.fromkeys(found))[:_MOST_REFERENCES]


def _verdict_of_words(headers: Headers, parts: list[Part], text: str) -> Verdict:
    """A note or an automatic mail. With a calendar that could not be used it is never merely
    automatic: Google marks its answers so, and somebody should look at a damaged one."""
    if any(is_calendar(part) for part in parts):
        return Verdict.NOTE
    return Verdict.AUTOMATIC if is_automatic(headers, parts, text) else Verdict.NOTE


def _unless_quoted(
    said: Said, headers: Headers, parts: list[Part], text: str, problems: Problems
) -> Said:
    """`said`; but an invitation that only came along with a person's answer in words is what
    the answer is about, and the words count."""
    is_quoted = said.verdict is Verdict.IGNORED and said.method == "REQUEST"
    if not is_quoted or is_automatic(headers, parts, text):
        return said
    if not is_persons_reply(headers, text, said.description):
        return said
    problems.say("the invitation that came with the words was left out")
    return replace(said, verdict=Verdict.NOTE)


def _plain(frame: Reading, verdict: Verdict, text: str, problems: Problems) -> Reading:
    return frame.model_copy(update={"verdict": verdict, "text": text, "problems": problems.said()})


def _reading(said: Said, text: str, problems: Problems, frame: Reading) -> Reading:
    return frame.model_copy(
        update={
            "verdict": said.verdict,
            "method": said.method,
            "uid": said.uid,
            "recurrence_id": said.recurrence_id,
            "sequence": said.sequence,
            "dtstamp": said.dtstamp,
            "answers": said.answers,
            "proposal": said.proposal,
            "seen_start": said.seen_start,
            "seen_end": said.seen_end,
            "attendees": said.attendees,
            "text": text,
            "problems": problems.said(),
        }
    )


def _correspondents(headers: Headers, sender: str | None) -> Correspondents:
    values = (value for name in _TO_HEADERS for value in headers.all(name))
    boxes = dict.fromkeys(box for value in values for box in mailboxes(value))
    return Correspondents(sender, tuple(box for box in boxes if box != sender))


def _sender(headers: Headers, problems: Problems) -> str | None:
    """The From address; None unless there is exactly one, since a second one is how a reader
    is made to believe the wrong one (mail-safety section 4)."""
    boxes = [box for value in headers.all("from") for box in mailboxes(value)]
    if len(set(boxes)) == 1:
        return boxes[0]
    problems.say("From names more than one address" if boxes else "From names no address")
    return None
