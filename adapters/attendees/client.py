"""What every simulated mail program can do, and what some of them refuse."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from adapters.attendees.invitation import Invitation
from domain.errors import BadInput, Refused


class CannotPropose(Refused):
    """This program has no way to propose another time; its user would write a note instead."""

    code = "cannot-propose"

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} cannot propose another time; send a note in words instead.")


class Client(Protocol):
    """A mail program that answers invitations in its own way.

    `now` is the clock of the person's machine (aware). Bytes returned are whole messages, to be
    sent to `invitation.organizer` by SMTP.
    """

    @property
    def name(self) -> str:
        """What people call the program."""
        ...

    @property
    def can_propose(self) -> bool: ...

    def answer(
        self,
        invitation: Invitation,
        attendee_address: str,
        attendee_name: str,
        partstat: str,
        now: datetime,
        comment: str = "",
    ) -> bytes:
        """A REPLY with PARTSTAT `ACCEPTED`, `TENTATIVE` or `DECLINED`."""
        ...

    def propose(
        self,
        invitation: Invitation,
        attendee_address: str,
        attendee_name: str,
        start: datetime,
        end: datetime,
        now: datetime,
        partstat: str | None = None,
        comment: str = "",
    ) -> bytes:
        """Another time, with an answer to the present one (`partstat`) where the program sends
        both. Raises `CannotPropose`."""
        ...


@dataclass(frozen=True)
class Said:
    """One deed of one person: the event it is about, who writes, when, and with what note."""

    about: Invitation
    address: str
    name: str
    now: datetime
    comment: str

    @property
    def shown_name(self) -> str:
        return self.name or self.address


def times_of(invitation: Invitation) -> tuple[datetime, datetime]:
    """Start and end of an event that can be answered. Raises `BadInput` for an event without."""
    if invitation.start is None or invitation.end is None:
        raise BadInput("The invitation shows no time; there is nothing to answer.")
    return invitation.start, invitation.end


def utc(instant: datetime) -> str:
    """`20270301T090000Z`."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


PAST = {"ACCEPTED": "Accepted", "TENTATIVE": "Tentative", "DECLINED": "Declined"}
"""How an answer is called in a subject line."""
