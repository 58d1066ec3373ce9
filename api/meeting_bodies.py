"""The bodies that meetings are asked for and moved with."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from api.addresses import Mailbox
from api.examples import CORRECT_ADDRESS_EXAMPLE, MEETING_REQUEST_EXAMPLE, RESCHEDULE_EXAMPLE
from domain.errors import BadInput
from domain.meetings.model import Terms
from domain.meetings.requests import (
    LONGEST_ANSWER,
    AddressOrder,
    check_answer_time,
    reminders_within,
)
from domain.values import Instant, Line, Prose, Slot, ZoneName

_DURATION = re.compile(
    r"P(?=.)(\d{1,3}W)?(\d{1,4}D)?(T(?=.)(\d{1,4}H)?(\d{1,5}M)?(\d{1,7}S)?)?", re.ASCII
)
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def _rfc3339(value: object) -> object:
    """Numbers and bare dates have no offset, and what pydantic makes of them surprises."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("Write a time with its offset, for instance 2027-03-01T09:00:00Z.")
    return value.upper()


def _iso_duration(value: object) -> object:
    if isinstance(value, timedelta) or value is None:
        return value
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError("Write a length of time like P7D, PT36H or P1DT12H (ISO 8601).")
    return _parse_duration(value)


def _parse_duration(text: str) -> timedelta:
    found = dict.fromkeys("WDHMS", 0) | {
        unit: int(number) for number, unit in re.findall(r"(\d+)([WDHMS])", text)
    }
    return timedelta(
        weeks=found["W"],
        days=found["D"],
        hours=found["H"],
        minutes=found["M"],
        seconds=found["S"],
    )


def _answer_time(value: timedelta) -> timedelta:
    try:
        check_answer_time(value)
    except BadInput as refusal:
        raise ValueError(str(refusal)) from refusal
    return value


def _filled(value: str) -> str:
    if not value:
        raise ValueError("This must not be empty.")
    return value


Time = Annotated[Instant, BeforeValidator(_rfc3339)]
Duration = Annotated[
    timedelta,
    BeforeValidator(_iso_duration),
    Field(json_schema_extra={"format": "duration", "type": "string"}),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlotBody(_Body):
    """A stretch of time, both ends as RFC 3339 times with an offset."""

    start: Time = Field(description="When it starts; in the future, in whole seconds.")
    end: Time = Field(description="When it ends; after `start`, within 24 hours of it.")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("A slot must end after it starts.")
        return self

    def slot(self) -> Slot:
        return Slot(start=self.start, end=self.end)


class PartyBody(_Body):
    """One person to invite: either `person`, or `name`, `address` and `zone`."""

    person: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z_-]{1,64}$",
        description="The id of an entry of your book (`/people`), instead of the other three.",
    )
    name: Annotated[Line, AfterValidator(_filled)] | None = Field(
        default=None, max_length=100, description="As the others will see it."
    )
    address: Mailbox | None = Field(
        default=None,
        description="Where their calendar mail goes. International domains are welcome.",
    )
    zone: ZoneName | None = Field(
        default=None, description="The IANA time zone their mails are written in."
    )
    shows_address: bool = Field(
        default=False,
        strict=True,
        description="Whether the other party sees the real address instead of an alias of ours.",
    )

    @model_validator(mode="after")
    def _one_way_or_the_other(self) -> Self:
        details = (self.name, self.address, self.zone)
        if self.person is None and None in details:
            raise ValueError("Name, address and zone are needed, or a person of your book.")
        if self.person is not None and any(details):
            raise ValueError("Give either a person of your book or the details, not both.")
        return self


class MeetingBody(_Body):
    """A meeting to be agreed between two people who answer from their own calendars."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [MEETING_REQUEST_EXAMPLE]}
    )

    title: Annotated[Line, AfterValidator(_filled)] = Field(
        max_length=200, description="One line; the subject of the mails and the calendar entry."
    )
    description: Prose = Field(default="", max_length=4000, description="What it is about.")
    location: Line = Field(default="", max_length=300, description="Where it takes place.")
    organizer: Line = Field(
        default="", max_length=100, description="The name mails come from; yours, by default."
    )
    parties: Annotated[list[PartyBody], Field(min_length=2, max_length=2)] = Field(
        description="The two people who are to meet."
    )
    slots: Annotated[list[SlotBody], Field(min_length=1, max_length=20)] = Field(
        description="The times to try, in this order."
    )
    answer_for: Annotated[Duration, AfterValidator(_answer_time)] = Field(
        default=timedelta(days=7),
        description="How long people have to answer each time: 1 hour to 60 days.",
    )
    remind_after: Annotated[list[Duration], Field(max_length=5)] | None = Field(
        default=None,
        description="When to remind, counted from each question; by default after 2 and 5 days.",
    )
    remind_before: Duration | None = Field(
        default=timedelta(hours=24),
        description="How long before the meeting to remind of it; null for not at all.",
    )
    max_rounds: int = Field(
        default=6, ge=0, le=50, strict=True, description="How many proposals to carry."
    )

    @field_validator("remind_after")
    @classmethod
    def _before_answers_are_due(
        cls, value: list[timedelta] | None, info: ValidationInfo
    ) -> list[timedelta] | None:
        answer_for = info.data.get("answer_for", LONGEST_ANSWER)
        if any(not timedelta(minutes=1) <= after < answer_for for after in value or ()):
            raise ValueError("Each must lie between 1 minute and `answer_for`.")
        return value

    @field_validator("remind_before")
    @classmethod
    def _soon_before(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and not timedelta(minutes=5) <= value <= timedelta(days=14):
            raise ValueError("Remind between 5 minutes and 14 days before the meeting, or never.")
        return value

    def terms(self) -> Terms:
        """What the saga needs to know; reminders in order, each once."""
        usual = self.remind_after is None
        reminders = reminders_within(self.answer_for) if usual else self.remind_after
        return Terms(
            parties=len(self.parties),
            slots=tuple(each.slot() for each in self.slots),
            answer_for=self.answer_for,
            remind_after=tuple(sorted(set(reminders or ()))),
            remind_before=self.remind_before,
            max_rounds=self.max_rounds,
        )


class RescheduleBody(_Body):
    """Other times for the same meeting; they replace those offered before."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [RESCHEDULE_EXAMPLE]}
    )

    slots: Annotated[list[SlotBody], Field(min_length=1, max_length=20)] = Field(
        description="The times to try, in this order."
    )


class CorrectAddressBody(_Body):
    """Where a party's mail is to go from now on."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [CORRECT_ADDRESS_EXAMPLE]}
    )

    party: int = Field(ge=1, le=10, strict=True, description="The party's number.")
    address: Mailbox = Field(description="The new address; not one that a party has already.")
    name: Annotated[Line, AfterValidator(_filled)] | None = Field(
        default=None, max_length=100, description="The party's name, if that changes as well."
    )

    def order(self) -> AddressOrder:
        return AddressOrder(party=self.party, address=self.address, name=self.name or "")


class CancelBody(_Body):
    """Calling a meeting off needs no words; the body may be left out."""
