"""What an owner may ask for: a checked order for a meeting, and the pure checks behind it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from domain.errors import BadAddress, BadInput, BadTimes
from domain.meetings.model import Terms
from domain.values import Address, Frozen, Line, Prose, Slot, ZoneName, same_mailbox

LONGEST_SLOT = timedelta(hours=24)
FARTHEST = timedelta(days=5 * 366)
SHORTEST_ANSWER = timedelta(hours=1)
LONGEST_ANSWER = timedelta(days=60)
USUAL_REMINDERS = (timedelta(days=2), timedelta(days=5))


class PartyOrder(Frozen):
    """One person to be invited. `person_id` says which entry of the owner's book it came from."""

    name: Line
    address: Address
    zone: ZoneName
    shows_address: bool = False
    person_id: str | None = None


class MeetingOrder(Frozen):
    """A meeting as it is asked for, every field clean and in bounds."""

    title: Line
    description: Prose = ""
    location: Line = ""
    organizer: Line = ""
    parties: tuple[PartyOrder, ...] = Field(min_length=2, max_length=10)
    terms: Terms


class AddressOrder(Frozen):
    """Another address for a party, and another name unless that is ''."""

    party: int = Field(ge=1)
    address: Address
    name: Line = ""


def check_correction(order: AddressOrder, addresses: Sequence[str], mail_domain: str) -> None:
    """Refuses an address that could not be the party's new one; `addresses` are those of all
    parties in order of their numbers. Raises `BadInput` or `BadAddress`, with the field."""
    if order.party > len(addresses):
        raise BadInput(f"The parties of this meeting are 1 to {len(addresses)}.", field="party")
    if is_ours(order.address, mail_domain):
        raise BadAddress(
            "This address belongs to Parley itself; write to the person directly.", field="address"
        )
    for number, address in enumerate(addresses, start=1):
        if same_mailbox(order.address, address):
            whose = "this party already has" if number == order.party else "another party has"
            raise BadAddress(f"This is the address that {whose}.", field="address")


def check_order(order: MeetingOrder, now: datetime, mail_domain: str) -> None:
    """Refuses an order that could never come to a meeting.

    Raises `BadTimes` or `BadAddress`, with the field at fault.
    """
    check_slots(order.terms.slots, now)
    check_addresses([party.address for party in order.parties], mail_domain)


def check_slots(slots: Sequence[Slot], now: datetime) -> None:
    """Every slot starts after `now` and within five years, lasts a day at most, in whole
    seconds (iCalendar has no finer ones), and stands once. Raises `BadTimes`."""
    for index, slot in enumerate(slots):
        _check_slot(slot, now, f"slots[{index}]")
        if slot in slots[:index]:
            raise BadTimes("This slot is already in the list.", field=f"slots[{index}]")


def _check_slot(slot: Slot, now: datetime, field: str) -> None:
    if slot.start <= now:
        raise BadTimes("A slot must start in the future.", field=f"{field}.start")
    if slot.start > now + FARTHEST:
        raise BadTimes("A slot must start within five years.", field=f"{field}.start")
    if slot.length > LONGEST_SLOT:
        raise BadTimes("A slot lasts 24 hours at most.", field=f"{field}.end")
    if slot.start.microsecond or slot.end.microsecond:
        raise BadTimes("Times are in whole seconds.", field=field)


def check_addresses(addresses: Sequence[str], mail_domain: str) -> None:
    """Every party has a mailbox of its own that is not one of ours. Raises `BadAddress`."""
    for index, address in enumerate(addresses):
        field = f"parties[{index}].address"
        if is_ours(address, mail_domain):
            raise BadAddress(
                "This address belongs to Parley itself; write to the person directly.", field=field
            )
        if any(same_mailbox(address, earlier) for earlier in addresses[:index]):
            raise BadAddress("Two parties have the same address.", field=field)


def is_ours(address: str, mail_domain: str) -> bool:
    """Whether mail to `address` would come back to Parley, at its domain or one below it."""
    host = address.rpartition("@")[2].casefold()
    ours = mail_domain.casefold()
    return host == ours or host.endswith("." + ours)


def check_answer_time(answer_for: timedelta) -> None:
    """Raises `BadInput` outside one hour to sixty days."""
    if not SHORTEST_ANSWER <= answer_for <= LONGEST_ANSWER:
        raise BadInput("Give people between 1 hour and 60 days to answer.", field="answer_for")


def reminders_within(answer_for: timedelta) -> tuple[timedelta, ...]:
    """The usual reminders that still fall before the answers are due."""
    return tuple(after for after in USUAL_REMINDERS if after < answer_for)
