"""A person's calendar, kept from the mail that comes in: an independent judge of what we send.

Applies REQUEST, CANCEL and DECLINECOUNTER by UID, SEQUENCE and DTSTAMP as RFC 5546 tells a
receiver to (§2.1.5, §3.2.2, §3.2.5, §3.2.8).
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from adapters.attendees.invitation import Invitation, NoInvitation, read_invitation

_NEVER = datetime.min.replace(tzinfo=UTC)


class Received(StrEnum):
    """What a mail did to the calendar."""

    ADDED = "added"
    RESCHEDULED = "rescheduled"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    COUNTER_DECLINED = "counter-declined"
    DUPLICATE = "duplicate"
    OUTDATED = "outdated"
    WORDS = "words"  # no calendar part: something to read
    IGNORED = "ignored"


@dataclass
class Entry:
    """One event: what stands in the calendar now, and every version that came before."""

    current: Invitation
    is_cancelled: bool = False
    versions: list[Invitation] = field(default_factory=list)
    refusals: list[Invitation] = field(default_factory=list)

    @property
    def slot(self) -> tuple[datetime | None, datetime | None]:
        return self.current.start, self.current.end


@dataclass
class AttendeeCalendar:
    """The calendar of the person with `address`; `log` says what each mail did, in order."""

    address: str
    entries: dict[str, Entry] = field(default_factory=dict)
    log: list[tuple[Received, str]] = field(default_factory=list)

    def receive(self, raw: bytes) -> Received:
        """Take one mail in and say what it did."""
        try:
            invitation = read_invitation(raw)
        except NoInvitation:
            done, uid = Received.WORDS, ""
        else:
            done, uid = self._apply(invitation), invitation.uid
        self.log.append((done, uid))
        return done

    def partstat(self, uid: str) -> str:
        """How this person stands with the event, as the organizer last said."""
        guest = self.entries[uid].current.guest(self.address)
        return guest.partstat if guest else ""

    def answered(self, uid: str, partstat: str) -> None:
        """The person pressed a button: the calendar shows it before the organizer says so."""
        entry = self.entries[uid]
        guests = tuple(
            replace(guest, partstat=partstat, rsvp=False)
            if guest.address.lower() == self.address.lower()
            else guest
            for guest in entry.current.guests
        )
        entry.current = replace(entry.current, guests=guests)

    def _apply(self, invitation: Invitation) -> Received:
        match invitation.method:
            case "REQUEST":
                return self._request(invitation)
            case "CANCEL":
                return self._cancel(invitation)
            case "DECLINECOUNTER":
                return self._decline_counter(invitation)
            case _:
                return Received.IGNORED

    def _request(self, invitation: Invitation) -> Received:
        if invitation.guest(self.address) is None:
            return Received.IGNORED  # not invited: no program draws buttons for it
        entry = self.entries.get(invitation.uid)
        if entry is None:
            self.entries[invitation.uid] = Entry(invitation, versions=[invitation])
            return Received.ADDED
        known = _revision(entry.current)
        if _revision(invitation) <= known:
            return Received.DUPLICATE if _revision(invitation) == known else Received.OUTDATED
        raised = invitation.sequence > entry.current.sequence
        entry.current, entry.is_cancelled = invitation, False
        entry.versions.append(invitation)
        return Received.RESCHEDULED if raised else Received.UPDATED

    def _cancel(self, invitation: Invitation) -> Received:
        entry = self.entries.get(invitation.uid)
        if entry is None:
            return Received.IGNORED
        if invitation.sequence < entry.current.sequence:
            return Received.OUTDATED
        if entry.is_cancelled:
            return Received.DUPLICATE
        entry.current, entry.is_cancelled = invitation, True
        entry.versions.append(invitation)
        return Received.CANCELLED

    def _decline_counter(self, invitation: Invitation) -> Received:
        """The event stays as it is: only the proposal is off."""
        entry = self.entries.get(invitation.uid)
        if entry is None:
            return Received.IGNORED
        if invitation in entry.refusals:
            return Received.DUPLICATE
        entry.refusals.append(invitation)
        return Received.COUNTER_DECLINED


def _revision(invitation: Invitation) -> tuple[int, datetime]:
    """What orders versions of an event (RFC 5546 §2.1.5)."""
    return invitation.sequence, invitation.dtstamp or _NEVER
