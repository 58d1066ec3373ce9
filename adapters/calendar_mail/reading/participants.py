"""ATTENDEE lines, and the words that came with an answer."""

import html
import re

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.addresses import address_of, is_mailbox, plain_address
from adapters.calendar_mail.reading.components import Component
from adapters.calendar_mail.reading.problems import Problems
from adapters.calendar_mail.reading.tokens import ContentLine, unescaped
from domain.inbox.model import Participant
from domain.inbox.rules import ANSWERS, NEEDS_ACTION, contradicting
from domain.values import scrubbed

_COMMENT_PARAMETERS = ("X-RESPONSE-COMMENT", "X-COMMENT")
_COMMENT_NAMES = (
    "COMMENT",
    "X-CALENDARSERVER-PRIVATE-COMMENT",
    "X-CALENDARSERVER-ATTENDEE-COMMENT",
)


def participants_of(
    event: Component, sender: str | None, problems: Problems
) -> tuple[Participant, ...]:
    """The participants of `event` itself; those of its alarms do not count."""
    lines = event.all("ATTENDEE")
    if len(lines) > limits.PARTICIPANTS:
        problems.say(f"more than {limits.PARTICIPANTS} attendees; the rest were not read")
    found = [_participant(line, problems) for line in lines[: limits.PARTICIPANTS]]
    for address in sorted(contradicting(found)):
        problems.say(f"{address} answers twice and differently; neither was taken")
    return tuple(_with_remark(found, "\n".join(comments_of(event)), sender))


def comments_of(event: Component) -> list[str]:
    """The comments on the event as a whole, empty ones left out (Exchange sends a lone \\n)."""
    texts = (scrubbed(unescaped(line.value)) for n in _COMMENT_NAMES for line in event.all(n))
    return list(dict.fromkeys(text for text in texts if text))


def _participant(line: ContentLine, problems: Problems) -> Participant:
    address = address_of(line)
    if not is_mailbox(address):
        problems.say(f"the ATTENDEE {address!r} is no mail address")
    return Participant(
        address=address,
        partstat=_partstat(line, problems),
        comment=_own_comment(line),
        delegated_to=_addresses(line.params.get("DELEGATED-TO", "")),
        delegated_from=_addresses(line.params.get("DELEGATED-FROM", "")),
        chairs=line.params.get("ROLE", "").strip().upper() == "CHAIR",
    )


def _partstat(line: ContentLine, problems: Problems) -> str:
    stated = line.params.get("PARTSTAT") or line.params.get("STATUS", "")  # vCalendar 1.0
    value = stated.strip(" '\"").upper() or NEEDS_ACTION
    if value not in ANSWERS and value != NEEDS_ACTION:
        problems.say(f"the PARTSTAT {value!r} is unknown; not taken for an answer")
    return value[:40]


def _own_comment(line: ContentLine) -> str | None:
    """Google writes a guest's note as HTML text into a parameter of its line."""
    for name in _COMMENT_PARAMETERS:
        text = scrubbed(html.unescape(unescaped(line.params.get(name, ""))))
        if text:
            return text
    return None


def _addresses(value: str) -> tuple[str, ...]:
    parts = (plain_address(part) for part in re.split(r"[,;]", value)[:10])
    return tuple(part for part in parts if part)


def _with_remark(lines: list[Participant], remark: str, sender: str | None) -> list[Participant]:
    """Gives the event's comment to the one who answers: the only one, else the sender."""
    answering = [line for line in lines if line.partstat in ANSWERS]
    if len(answering) > 1:
        answering = [line for line in answering if line.address == sender]
    if not remark or not answering or answering[0].comment:
        return lines
    author = answering[0].address
    return [
        line.model_copy(update={"comment": remark}) if line.address == author else line
        for line in lines
    ]
