"""What an owner asks of meetings: a new one, other times, an end."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request
from starlette.responses import Response

from api.commands import Asked, AskedDep, respond, submission
from api.conditional import etag, need_match
from api.errors import offer_way_out
from api.examples import COMMAND_EXAMPLE
from api.hypermedia import answer
from api.meeting_bodies import (
    CancelBody,
    CorrectAddressBody,
    MeetingBody,
    PartyBody,
    RescheduleBody,
)
from api.meeting_documents import meeting_document, meeting_href
from api.monitor import command_href
from api.names import MeetingId
from api.openapi import Responses, command_responses
from api.ports import Ports, PortsDep
from api.previews import meeting_preview
from api.security import MeetingsWriter
from domain.access import Principal
from domain.commands import Command, Submission
from domain.errors import BadInput, NotFound, ParleyError
from domain.meetings.messages import Cancellation, Reschedule
from domain.meetings.model import OWNER
from domain.meetings.requests import (
    AddressOrder,
    MeetingOrder,
    PartyOrder,
    check_correction,
    check_order,
    check_slots,
)
from domain.meetings.transitions import Deed, need_possible, standing_of
from domain.meetings.views import MeetingView

router = APIRouter(tags=["meetings"])

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=2000, description="Only at this version of the meeting."),
]

DryRun = Annotated[bool, Query(description="Only check, and show what would happen first.")]

_CREATED: Responses = {
    200: {"description": "With `dry_run=1`: what would happen first"},
    **command_responses(COMMAND_EXAMPLE, 201, 400, 401, 403, 406, 409, 413, 422),
}
_INSTRUCTED: Responses = command_responses(
    COMMAND_EXAMPLE, 200, 400, 401, 403, 404, 406, 409, 412, 413, 422
)


@router.post("/meetings", status_code=202, summary="Ask for a meeting", responses=_CREATED)
async def request_meeting(
    body: MeetingBody,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: MeetingsWriter,
    dry_run: DryRun = False,
) -> Response:
    """Both people are invited to the first slot by calendar mail; what they answer does the rest.

    The request is durable when it is answered. Repeat it with the same `Idempotency-Key` as
    often as needed: it is done once. With `Prefer: wait=10` the answer is the meeting itself
    (201) if it has been invited within 10 seconds; else, and without, it is the command (202),
    to be followed at its `Location`.

    With `dry_run=1` everything is checked, and the answer (200) shows what would happen first;
    nothing is kept, the `Idempotency-Key` neither.
    """
    offer_way_out(request, "collection", "/meetings")
    if dry_run:
        order = await _checked_order(ports, body, caller.owner, ports.clock())
        return answer(request, meeting_preview(order, caller.owner, ports.clock()))
    data = body.model_dump(mode="json", exclude_unset=True)
    whole = submission(ports, request, caller.owner, asking, "meeting.request", data)
    intent = whole.model_copy(update={"data": _without_words(data)})
    accepted = await _request(ports, body, intent)
    return await respond(request, ports, asking, accepted, _result(request, ports, caller, 201))


def _without_words(data: dict[str, Any]) -> dict[str, Any]:
    """What a command may keep for good: people and words are in the meeting's rows alone."""
    personal = {"title", "description", "location", "organizer", "parties"}
    return {name: value for name, value in data.items() if name not in personal}


async def _request(ports: Ports, body: MeetingBody, intent: Submission) -> tuple[Command, bool]:
    """A retry is answered as such even when its slots have passed meanwhile."""
    try:
        order = await _checked_order(ports, body, intent.owner, intent.at)
    except ParleyError:
        earlier = await ports.commands.earlier(intent)
        if earlier is None:
            raise
        return earlier, True
    return await ports.meetings.request(intent, secrets.token_hex(8), order)


async def _checked_order(
    ports: Ports, body: MeetingBody, owner: str, now: datetime
) -> MeetingOrder:
    """Raises `BadInput` with the field at fault."""
    parties = [
        await _party(ports, party, owner, f"parties[{index}]")
        for index, party in enumerate(body.parties)
    ]
    order = MeetingOrder(
        title=body.title,
        description=body.description,
        location=body.location,
        organizer=body.organizer or ports.settings.organizer_name,
        parties=tuple(parties),
        terms=body.terms(),
    )
    check_order(order, now, ports.settings.mail_domain)
    return order


async def _party(ports: Ports, party: PartyBody, owner: str, field: str) -> PartyOrder:
    """Raises `BadInput` for a person who is not in the owner's book."""
    if party.person is None:
        details = party.model_dump(include={"name", "address", "zone", "shows_address"})
        return PartyOrder.model_validate(details)
    try:
        person = await ports.people.get(owner, party.person)
    except NotFound:
        raise BadInput("Nobody by this id is in your book.", field=f"{field}.person") from None
    return PartyOrder(
        name=person.name,
        address=person.address,
        zone=person.zone,
        shows_address=party.shows_address,
        person_id=person.id,
    )


@router.post(
    "/meetings/{meeting_id}/cancel",
    status_code=202,
    summary="Call a meeting off",
    responses=_INSTRUCTED,
)
async def cancel_meeting(
    meeting_id: MeetingId,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: MeetingsWriter,
    body: Annotated[CancelBody | None, Body()] = None,
    if_match: IfMatch = None,
) -> Response:
    """Everybody who was invited is told, and the time leaves their calendars.

    Possible until the meeting's time is over; afterwards, and once it has ended, 409.
    """
    instruction = _Instruction(meeting_id, Deed.CANCEL, Cancellation(party=OWNER), {}, if_match)
    return await _instruct(request, ports, caller, asking, instruction)


@router.post(
    "/meetings/{meeting_id}/reschedule",
    status_code=202,
    summary="Offer other times",
    responses=_INSTRUCTED,
)
async def reschedule_meeting(
    meeting_id: MeetingId,
    body: RescheduleBody,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: MeetingsWriter,
    if_match: IfMatch = None,
) -> Response:
    """The slots replace those offered before; the first goes into both calendars and both people
    are asked anew, also when the meeting had been confirmed."""
    slots = tuple(each.slot() for each in body.slots)
    wanted = Reschedule(slots=slots)
    data = body.model_dump(mode="json")
    instruction = _Instruction(meeting_id, Deed.RESCHEDULE, wanted, data, if_match)
    return await _instruct(request, ports, caller, asking, instruction)


@router.post(
    "/meetings/{meeting_id}/correct-address",
    status_code=202,
    summary="Correct a party's address",
    responses=_INSTRUCTED,
)
async def correct_party_address(
    meeting_id: MeetingId,
    body: CorrectAddressBody,
    request: Request,
    asking: AskedDep,
    ports: PortsDep,
    caller: MeetingsWriter,
    if_match: IfMatch = None,
) -> Response:
    """What stands is sent to the new address, and to nobody else. Links and addresses that the
    party was sent before open nothing any more; what it answered stands, and whoever had not
    answered gets the full time to do so.

    409 for an address that mail does not go to (see suppressions), and while another correction
    is under way.
    """
    offer_way_out(request, "collection", "/meetings")
    order = body.order()
    data = body.model_dump(mode="json", exclude_unset=True)
    kind = f"meeting.{Deed.CORRECT_ADDRESS}"
    whole = submission(ports, request, caller.owner, asking, kind, data)
    intent = whole.model_copy(update={"data": {"party": order.party}})
    offer_way_out(request, "related", meeting_href(meeting_id))

    def check(meeting: MeetingView) -> None:
        need_match(if_match, etag(meeting.version))
        check_address(meeting, order, intent.at, ports.settings.mail_domain)

    accepted = await ports.meetings.correct_address(intent, meeting_id, order, check)
    return await respond(request, ports, asking, accepted, _result(request, ports, caller, 200))


def check_address(
    meeting: MeetingView, order: AddressOrder, now: datetime, mail_domain: str
) -> None:
    """Raises `Refused` where no address can be corrected now, `BadInput` for this one."""
    need_possible(Deed.CORRECT_ADDRESS, standing_of(meeting), OWNER, now)
    check_correction(order, [party.address for party in meeting.parties], mail_domain)


@dataclass(frozen=True)
class _Instruction:
    meeting_id: str
    deed: Deed
    body: Cancellation | Reschedule
    data: dict[str, Any]
    if_match: str | None

    def check(self, meeting: MeetingView, now: datetime) -> None:
        """Raises `Refused`, `PreconditionFailed` or `BadTimes`."""
        need_match(self.if_match, etag(meeting.version))
        need_possible(self.deed, standing_of(meeting), OWNER, now)
        if isinstance(self.body, Reschedule):
            check_slots(self.body.slots, now)


async def _instruct(
    request: Request, ports: Ports, caller: Principal, asking: Asked, wanted: _Instruction
) -> Response:
    offer_way_out(request, "collection", "/meetings")
    intent = submission(ports, request, caller.owner, asking, f"meeting.{wanted.deed}", wanted.data)
    offer_way_out(request, "related", meeting_href(wanted.meeting_id))
    accepted = await ports.meetings.instruct(
        intent, wanted.meeting_id, wanted.body, lambda meeting: wanted.check(meeting, intent.at)
    )
    return await respond(request, ports, asking, accepted, _result(request, ports, caller, 200))


def _result(
    request: Request, ports: Ports, caller: Principal, status: int
) -> Callable[[Command], Awaitable[Response]]:
    """The meeting itself, as the answer of a command that succeeded while the client waited."""

    async def result(command: Command) -> Response:
        meeting = await ports.meetings.view(caller.owner, command.stream.partition("/")[2])
        document = meeting_document(meeting, ports.clock(), may_write=True)
        document.link("status", command_href(command.id))
        here = meeting_href(meeting.id)
        named = {"Location": here} if status == 201 else {"Content-Location": here}
        return answer(request, document, status, {**named, "ETag": etag(meeting.version)})

    return result
