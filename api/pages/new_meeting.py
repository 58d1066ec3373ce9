"""A form that asks for a meeting, for trying Parley out without writing a program."""

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from api.meeting_bodies import MeetingBody
from api.pages.desk import ROWS, submission
from api.pages.desk_guard import DeskGuard
from api.pages.picker import Picked, PickerFault, picked_from, slots_of
from api.pages.ports import PageParts
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Session
from api.pages.zones import suggested_zones
from domain.access import Scope
from domain.errors import BadInput
from domain.meetings.messages import stream_of
from domain.meetings.requests import MeetingOrder, PartyOrder, check_order
from domain.values import Slot, as_zone, scrubbed

_FIELDS = (
    "title",
    "description",
    "location",
    "name1",
    "address1",
    "zone1",
    "name2",
    "address2",
    "zone2",
    "zone",
)


class NewMeetingPages:
    """`/desk/new`."""

    def __init__(self, parts: PageParts, pages: Pages, guard: DeskGuard) -> None:
        self._parts = parts
        self._pages = pages
        self._guard = guard

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        guarded = self._guard.guarded
        router.add_api_route("/desk/new", guarded(self.show), methods=["GET", "HEAD"])
        router.add_api_route("/desk/new", guarded(self.ask), methods=["POST"])
        return router

    async def show(self, request: Request, session: Session) -> Response:
        """The empty form."""
        session.principal.needs(Scope.MEETINGS_WRITE)
        return self._page(session, {}, (Picked(minutes="30"),) * ROWS)

    async def ask(self, request: Request, session: Session) -> Response:
        """Ask for the meeting: becomes a command, as over the API."""
        fields, nonce = await self._guard.posted(request, session)
        rows = tuple(picked_from(fields, row) for row in range(ROWS))
        now = self._parts.ports.clock()
        try:
            body = _body(fields, slots_of(rows, _zone(fields)))
            order = self._order(body)
            check_order(order, now, self._parts.ports.settings.mail_domain)
        except BadInput as fault:
            return self._page(session, fields, rows, fault)
        data = body.model_dump(mode="json", exclude_unset=True)
        intent = submission(session, "meeting.request", nonce.id, request, data, now)
        accepted = await self._parts.ports.meetings.request(intent, secrets.token_hex(8), order)
        command, _ = accepted
        self._parts.ports.poke(command.stream)
        meeting_id = command.stream.removeprefix(stream_of(""))
        return see_other(f"/desk/meetings/{meeting_id}?command={command.id}")

    def _order(self, body: MeetingBody) -> MeetingOrder:
        named = {"name", "address", "zone"}
        return MeetingOrder(
            title=body.title,
            description=body.description,
            location=body.location,
            organizer=self._parts.ports.settings.organizer_name,
            parties=tuple(
                PartyOrder.model_validate(party.model_dump(include=named)) for party in body.parties
            ),
            terms=body.terms(),
        )

    def _page(
        self,
        session: Session,
        fields: Mapping[str, str],
        rows: tuple[Picked, ...],
        fault: BadInput | None = None,
    ) -> Response:
        if isinstance(fault, PickerFault):
            rows = (*rows[: fault.row], fault.picked, *rows[fault.row + 1 :])
        return self._pages.render(
            "desk_new.html",
            200 if fault is None else 422,
            nonce=self._guard.mint(session),
            reads_mail=session.principal.may(Scope.MESSAGES_READ),
            typed={name: scrubbed(fields.get(name, "")) for name in _FIELDS},
            rows=rows,
            zones=suggested_zones(),
            fault=fault,
        )


def _zone(fields: Mapping[str, str]) -> str:
    """The zone of the times: its own field, or the first person's. Raises `UnknownZone`."""
    return as_zone(fields.get("zone", "").strip() or fields.get("zone1", "").strip())


def _body(fields: Mapping[str, str], slots: tuple[Slot, ...]) -> MeetingBody:
    """The form as the API's own body, with the API's own checks. Raises `BadInput`."""
    people = [
        {name: fields.get(f"{name}{n}", "").strip() for name in ("name", "address", "zone")}
        for n in (1, 2)
    ]
    body: dict[str, Any] = {
        "title": fields.get("title", "").strip(),
        "description": fields.get("description", ""),
        "location": fields.get("location", "").strip(),
        "parties": people,
        "slots": [{"start": slot.start.isoformat(), "end": slot.end.isoformat()} for slot in slots],
    }
    try:
        return MeetingBody.model_validate(body)
    except ValidationError as errors:
        raise _fault(errors) from None


def _fault(errors: ValidationError) -> BadInput:
    """The first fault, by the name of the form's field."""
    first = errors.errors(include_input=False, include_url=False)[0]
    message = str(first["msg"]).removeprefix("Value error, ")
    location = first["loc"]
    if location[:1] == ("parties",) and len(location) > 2:
        return BadInput(message, field=f"{location[2]}{int(location[1]) + 1}")
    return BadInput(message, field=str(location[0]) if location else None)
