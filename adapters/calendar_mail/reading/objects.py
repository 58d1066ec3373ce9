"""What one calendar object says to an organizer."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from adapters.calendar_mail.reading.addresses import all_addresses_of
from adapters.calendar_mail.reading.components import Component
from adapters.calendar_mail.reading.instances import voices_of
from adapters.calendar_mail.reading.participants import comments_of, participants_of
from adapters.calendar_mail.reading.problems import Problems, on_one_line
from adapters.calendar_mail.reading.proposals import proposal_of, times_of
from adapters.calendar_mail.reading.times import WrittenTime, written_time
from adapters.calendar_mail.reading.tokens import unescaped
from adapters.calendar_mail.reading.zones import Zones, read_as_utc
from domain.inbox.model import AnswerLine, ProposedSlot, Statement, Verdict
from domain.inbox.rules import answers_of, verdict_of

_INT32 = 2**31 - 1
_OTHER_KINDS = ("VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY")


@dataclass(frozen=True)
class Correspondents:
    """Who wrote the mail, and to whom else it went; nobody for a file that is no mail."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What one calendar object says; fields as in `domain.inbox.model.Reading`."""

    verdict: Verdict
    method: str | None
    uid: str | None = None
    recurrence_id: str | None = None
    sequence: int | None = None
    dtstamp: datetime | None = None
    answers: tuple[AnswerLine, ...] = ()
    proposal: ProposedSlot | None = None
    seen_start: datetime | None = None
    seen_end: datetime | None = None
    attendees: tuple[str, ...] = field(default=(), compare=False)
    comments: tuple[str, ...] = field(default=(), compare=False)
    description: str = field(default="", compare=False)

    @property
    def words(self) -> tuple[str, ...]:
        """What people wrote into the object, each text once."""
        lines = (line.comment for line in self.answers if line.comment)
        return tuple(dict.fromkeys((*lines, *self.comments)))

    @property
    def essence(self) -> "Said":
        """What copies of one statement have in common; stamps and words may differ a little."""
        bare = (line.model_copy(update={"comment": None}) for line in self.answers)
        lines = tuple(sorted(bare, key=str))
        return replace(self, answers=lines, dtstamp=None, seen_start=None, seen_end=None)


def said_by(
    calendar: Component, mime_method: str | None, who: Correspondents, problems: Problems
) -> list[Said]:
    """What `calendar` says, one entry per event it is about, and more where components of one
    event say different things; empty when it holds nothing."""
    method = _method(calendar, mime_method, problems)
    events = _events(calendar, problems)
    if not events:
        return _without_event(calendar, method, problems)
    zones = Zones(calendar, problems)
    found: list[Said] = []
    for voices in voices_of(events, who.sender, problems):
        said = [_said(event, method, who, zones, problems) for event in voices]
        found += _without_rivals(said, problems)
    return found


def _method(calendar: Component, mime_method: str | None, problems: Problems) -> str | None:
    """The METHOD of the object, in upper case. RFC 6047 §2.4 wants the label of the part to be
    equal; where they differ the object is believed. An object without METHOD is what its
    label says, because the label exists for that alone."""
    lines = calendar.all("METHOD")
    if not lines:
        lines = [line for event in calendar.inner("VEVENT") for line in event.all("METHOD")]
        if lines:
            problems.say("METHOD stands inside the event instead of the calendar")
    named = (on_one_line(line.value, 40).upper() for line in lines if line.value)
    stated = list(dict.fromkeys(named))
    label = on_one_line(mime_method, 40).upper() if mime_method else None
    if not stated:
        problems.say(
            f"the calendar has no METHOD; read as its label says: {label}"
            if label
            else "the calendar has no METHOD"
        )
        return label
    if len(lines) > 1:
        problems.say("METHOD stands more than once")
    method = label if len(stated) > 1 and label in stated else stated[0]
    if label and label != method:
        problems.say(f"METHOD is {method}, but the part is labelled method={label}")
    return method


def _events(calendar: Component, problems: Problems) -> list[Component]:
    events = calendar.inner("VEVENT")
    if not events and calendar.get("UID") and not calendar.inner(*_OTHER_KINDS):
        problems.say("an event without BEGIN:VEVENT was read all the same")
        return [calendar]
    return events


def _without_event(calendar: Component, method: str | None, problems: Problems) -> list[Said]:
    kinds = [child.name for child in calendar.children if child.name in _OTHER_KINDS]
    if not kinds:
        problems.say("the calendar holds no event")
        return [Said(Verdict.IGNORED, method)] if method else []
    problems.say(f"the calendar is about a {kinds[0]}, not an event")
    other, zones = calendar.inner(kinds[0])[0], Zones(calendar, problems)
    said = Said(
        Verdict.IGNORED,
        method,
        uid=_uid_text(other.value("UID")),
        recurrence_id=_recurrence_id(other, zones, problems),
        sequence=_sequence(other, problems),
        dtstamp=_dtstamp(other, zones, problems),
    )
    return [said]


def _without_rivals(said: list[Said], problems: Problems) -> list[Said]:
    """What components of one event say: the one thing that all of them do, or a proposal without
    its time where they propose several. Other quarrels are left to be told."""
    spoken = [one for one in said if one.verdict is not Verdict.NOTE] or said[:1]
    first = replace(spoken[0], proposal=None)
    if all(replace(one, proposal=None).essence == first.essence for one in spoken):
        if len({one.proposal for one in spoken}) > 1:
            problems.say("several times are proposed at once; which one is meant?")
            return [first]
        return spoken[:1]
    return spoken


def _said(
    event: Component, method: str | None, who: Correspondents, zones: Zones, problems: Problems
) -> Said:
    _name_client_trouble(event, problems)
    times = times_of(event, zones, problems)
    offer = proposal_of(event, method, times, zones, problems)
    statement = Statement(
        method=method,
        organizers=_organizers(event),
        participants=participants_of(event, who.sender, problems),
        proposes=offer.offered,
        recipients=who.recipients,
    )
    is_original = method == "COUNTER" or times.original_start is not None
    return Said(
        verdict=verdict_of(statement),
        method=method,
        uid=_uid(event, problems),
        recurrence_id=_recurrence_id(event, zones, problems),
        sequence=_sequence(event, problems),
        dtstamp=_dtstamp(event, zones, problems),
        answers=answers_of(statement),
        proposal=offer.slot,
        seen_start=times.original_start if is_original else times.start,
        seen_end=times.original_end if is_original else times.end,
        attendees=_attendees(statement),
        comments=tuple(comments_of(event)),
        description=unescaped(event.value("DESCRIPTION") or ""),
    )


def _attendees(statement: Statement) -> tuple[str, ...]:
    organizers = statement.organizers or statement.recipients
    people = (person.address for person in statement.participants)
    return tuple(dict.fromkeys(address for address in people if address not in organizers))


def _organizers(event: Component) -> tuple[str, ...]:
    line = event.get("ORGANIZER")
    return all_addresses_of(line) if line else ()


def _name_client_trouble(event: Component, problems: Problems) -> None:
    """REQUEST-STATUS 3.x to 5.x: the attendee's program failed (RFC 5546 §3.6)."""
    for line in event.all("REQUEST-STATUS")[:5]:
        if line.value[:1] in ("3", "4", "5"):
            problems.say(f"the sender's program reports trouble: {line.value[:100]!r}")


def _uid(event: Component, problems: Problems) -> str | None:
    uid = _uid_text(event.value("UID"))
    if uid is None:
        problems.say("the event has no UID")
    elif len({line.value for line in event.all("UID")}) > 1:
        problems.say("the event has several UIDs; the first was taken")
    return uid


def _uid_text(value: str | None) -> str | None:
    return on_one_line(value, 1000) or None if value else None


def _recurrence_id(event: Component, zones: Zones, problems: Problems) -> str | None:
    """Which instance: an instant in UTC, a date, or, if neither can be told, as written.
    Instances are compared as instants, since Google answers a local-time series in UTC."""
    line = event.get("RECURRENCE-ID")
    if line is None or not line.value:
        return None
    if line.params.get("RANGE", "").upper() == "THISANDFUTURE":
        problems.say("it is about an instance of the series and all that follow")
    written = written_time(line.value)
    if written is not None and written.is_date:
        return written.wall.date().isoformat()
    moment = zones.instant(line, written) if written else None
    if moment is None:
        problems.say("the RECURRENCE-ID cannot be told as an instant")
        return on_one_line(line.value, 100)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _sequence(event: Component, problems: Problems) -> int | None:
    value = event.value("SEQUENCE")
    if value is None:
        return None
    found = re.fullmatch(r"\s*([+-]?)0*(\d+)(?:\.0*)?\s*", value)
    if found is None or found[1] == "-":
        problems.say(f"SEQUENCE {value[:40]!r} is no number; left out")
        return None
    if len(found[2]) > 10 or int(found[2]) > _INT32:
        problems.say("SEQUENCE is beyond 32 bits; read as the greatest number there is")
        return _INT32
    return int(found[2])


def _dtstamp(event: Component, zones: Zones, problems: Problems) -> datetime | None:
    line = next((line for line in event.all("DTSTAMP") if line.value), None)
    if line is None:
        return None
    written = written_time(line.value)
    if written is None:
        problems.say(f"DTSTAMP {line.value[:40]!r} cannot be read; left out")
        return None
    if written.is_odd or written.is_date:
        problems.say(f"DTSTAMP {line.value[:40]!r} is not written as RFC 5545 wants")
    return _stamp(line.params.get("TZID"), written, zones, event, problems)


def _stamp(
    tzid: str | None, written: WrittenTime, zones: Zones, event: Component, problems: Problems
) -> datetime | None:
    line = event.get("DTSTAMP")
    if tzid and line and not written.has_offset and not written.is_date:
        return zones.instant(line, written)
    if not written.has_offset:
        problems.say("DTSTAMP names no zone; read as UTC")
    stamp = read_as_utc(written)
    if stamp is None:
        problems.say("DTSTAMP lies outside the years 1970 to 2100; left out")
    return stamp
