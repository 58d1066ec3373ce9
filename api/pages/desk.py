"""The owner's desk: every meeting, what happened to it, and the buttons of what is possible."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.addresses import to_mailbox
from api.cursors import read_mark, write_mark
from api.meeting_commands import check_address
from api.pages.desk_guard import DeskGuard
from api.pages.desk_view import Desk, desk_context, list_entry
from api.pages.picker import Picked, PickerFault, picked_from, slots_of
from api.pages.ports import PageParts
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Session
from api.pages.zones import suggested_zones
from domain.access import Scope
from domain.commands import Command, Submission, fingerprint
from domain.errors import BadAddress, BadInput, NotFound, ParleyError, Refused
from domain.meetings.messages import Cancellation, MeetingInput, Reschedule, stream_of
from domain.meetings.model import OWNER, Status
from domain.meetings.requests import AddressOrder, check_slots
from domain.meetings.rules import fold
from domain.meetings.transitions import Deed, need_possible, standing_of
from domain.meetings.views import MeetingFilter, MeetingView, PageMark
from domain.values import as_line, as_zone, scrubbed
from settings import Settings

ROWS = 3
"""Times that a form of the desk has room for."""

_PAGE = 25
_READING = ["GET", "HEAD"]


class DeskPages:
    """`/desk` and `/desk/meetings/{id}`, with the owner's deeds."""

    def __init__(self, parts: PageParts, pages: Pages, guard: DeskGuard) -> None:
        self._parts = parts
        self._ports = parts.ports
        self._pages = pages
        self._guard = guard

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        one = "/desk/meetings/{meeting_id}"
        guarded = self._guard.guarded
        router.add_api_route("/desk", guarded(self.index), methods=_READING)
        router.add_api_route(one, guarded(self.show), methods=_READING)
        router.add_api_route(f"{one}/cancel", guarded(self.cancel), methods=["POST"])
        router.add_api_route(f"{one}/reschedule", guarded(self.reschedule), methods=["POST"])
        router.add_api_route(f"{one}/correct-address", guarded(self.correct), methods=["POST"])
        return router

    async def index(self, request: Request, session: Session) -> Response:
        """The owner's meetings, newest first, narrowed by state and text."""
        wanted = _filter(request.query_params, session.principal.owner)
        found = await self._ports.meetings.search(wanted)
        shown = found[:_PAGE]
        return self._pages.render(
            "desk_list.html",
            entries=[list_entry(meeting) for meeting in shown],
            statuses=[status.value for status in Status],
            chosen=wanted.statuses[0].value if wanted.statuses else "",
            text=wanted.text or "",
            more=_more(request.query_params, shown[-1]) if len(found) > _PAGE else "",
            may_write=session.principal.may(Scope.MEETINGS_WRITE),
            reads_mail=session.principal.may(Scope.MESSAGES_READ),
            is_admin=session.principal.may(Scope.ADMIN),
        )

    async def show(self, request: Request, session: Session) -> Response:
        """One meeting."""
        return await self._page(request, session)

    async def cancel(self, request: Request, session: Session) -> Response:
        """Call the meeting off: becomes a command, as over the API."""
        _, nonce = await self._guard.posted(request, session)
        return await self._instruct(
            request, session, nonce.id, Deed.CANCEL, Cancellation(party=OWNER), {}
        )

    async def reschedule(self, request: Request, session: Session) -> Response:
        """Offer other times: becomes a command, as over the API."""
        fields, nonce = await self._guard.posted(request, session)
        rows = tuple(picked_from(fields, row) for row in range(ROWS))
        zone = scrubbed(fields.get("zone", ""), limit=60)
        try:
            slots = slots_of(rows, as_zone(zone))
            check_slots(slots, self._ports.clock())
        except BadInput as fault:
            return await self._page(request, session, rows=rows, typed_zone=zone, fault=fault)
        data = {"slots": [slot.model_dump(mode="json") for slot in slots]}
        wanted = Reschedule(slots=slots)
        return await self._instruct(request, session, nonce.id, Deed.RESCHEDULE, wanted, data)

    async def correct(self, request: Request, session: Session) -> Response:
        """Correct a party's address: becomes a command, as over the API."""
        fields, nonce = await self._guard.posted(request, session)
        meeting_id, now = _meeting_id(request), self._ports.clock()

        def check(meeting: MeetingView) -> None:
            check_address(meeting, order, now, self._ports.settings.mail_domain)

        try:
            order = _address_order(fields)
            kind, data = f"meeting.{Deed.CORRECT_ADDRESS}", order.model_dump(mode="json")
            whole = submission(session, kind, nonce.id, request, data, now)
            intent = whole.model_copy(update={"data": {"party": order.party}})
            accepted = await self._ports.meetings.correct_address(intent, meeting_id, order, check)
        except (BadInput, Refused) as fault:
            typed = scrubbed(fields.get("address", ""), limit=320)
            return await self._page(request, session, typed_address=typed, fault=fault)
        self._ports.poke(accepted[0].stream)
        return see_other(f"/desk/meetings/{meeting_id}?command={accepted[0].id}")

    async def _instruct(
        self,
        request: Request,
        session: Session,
        key: str,
        deed: Deed,
        body: MeetingInput,
        data: dict[str, Any],
    ) -> Response:
        meeting_id, now = _meeting_id(request), self._ports.clock()

        def check(meeting: MeetingView) -> None:
            need_possible(deed, standing_of(meeting), OWNER, now)

        intent = submission(session, f"meeting.{deed}", key, request, data, now)
        command, _ = await self._ports.meetings.instruct(intent, meeting_id, body, check)
        self._ports.poke(command.stream)
        return see_other(f"/desk/meetings/{meeting_id}?command={command.id}")

    async def _page(
        self,
        request: Request,
        session: Session,
        *,
        rows: tuple[Picked, ...] = (Picked(),) * ROWS,
        typed_zone: str = "",
        typed_address: str = "",
        fault: ParleyError | None = None,
    ) -> Response:
        desk = await self._desk(request, session.principal.owner)
        zone = _shown_zone(request)
        context = desk_context(desk, zone, self._ports.clock(), temporal_of(self._ports.settings))
        if isinstance(fault, PickerFault):
            rows = (*rows[: fault.row], fault.picked, *rows[fault.row + 1 :])
        if fault is not None or not session.principal.may(Scope.MEETINGS_WRITE):
            context["refresh"] = None
        return self._pages.render(
            "desk_meeting.html",
            _status(fault),
            **context,
            nonce=self._guard.mint(session),
            may_write=session.principal.may(Scope.MEETINGS_WRITE),
            reads_mail=session.principal.may(Scope.MESSAGES_READ),
            rows=rows,
            typed_zone=typed_zone or desk.meeting.parties[0].zone,
            typed_address=typed_address,
            zones=suggested_zones(),
            fault=fault,
        )

    async def _desk(self, request: Request, owner: str) -> Desk:
        meeting_id = _meeting_id(request)
        meetings = self._ports.meetings
        timeline = tuple(await self._parts.parties.timeline(owner, meeting_id))
        return Desk(
            meeting=await meetings.view(owner, meeting_id),
            state=fold([entry.event for entry in timeline]),
            timeline=timeline,
            messages=tuple(await meetings.messages(owner, meeting_id)),
            mails=tuple(await meetings.mail(owner, meeting_id)),
            command=await self._command(request, owner, meeting_id),
        )

    async def _command(self, request: Request, owner: str, meeting_id: str) -> Command | None:
        """The command that the address names, if it is about this meeting."""
        command_id = request.query_params.get("command", "")
        if not _ID.fullmatch(command_id):
            return None
        try:
            command = await self._ports.commands.get(owner, command_id)
        except NotFound:
            return None
        return command if command.stream == stream_of(meeting_id) else None


def submission(
    session: Session, kind: str, key: str, request: Request, data: dict[str, Any], now: datetime
) -> Submission:
    """The intent of a form. Its nonce is the idempotency key: a double click is one command."""
    return Submission(
        id=secrets.token_hex(16),
        owner=session.principal.owner,
        kind=kind,
        route="POST /desk",
        key=key,
        fingerprint=fingerprint({"path": request.url.path, "form": data}),
        data=data,
        at=now,
    )


def _status(fault: ParleyError | None) -> int:
    if fault is None:
        return 200
    return 409 if isinstance(fault, Refused) else 422


def _address_order(fields: Mapping[str, str]) -> AddressOrder:
    """What the form asks for. Raises `BadInput` or `BadAddress`, with the field."""
    party = fields.get("party", "")
    if not (party.isascii() and party.isdigit() and 0 < len(party) < 3 and int(party)):
        raise BadInput("Say whose address it is.", field="party")
    try:
        address = to_mailbox(fields.get("address", ""))
    except BadAddress as fault:
        raise BadAddress(str(fault), field="address") from fault
    name = as_line(scrubbed(fields.get("name", ""), limit=100).replace("\n", " "))
    return AddressOrder(party=int(party), address=address, name=name)


_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def temporal_of(settings: Settings) -> str:
    """Where the runs of a namespace are shown; empty without a web interface."""
    if not settings.temporal_ui:
        return ""
    return f"{settings.temporal_ui.rstrip('/')}/namespaces/{settings.temporal_namespace}"


def _meeting_id(request: Request) -> str:
    meeting_id = str(request.path_params["meeting_id"])
    if not _ID.fullmatch(meeting_id):
        raise NotFound("There is no such meeting.")
    return meeting_id


def _shown_zone(request: Request) -> str:
    try:
        return as_zone(request.query_params.get("zone", "UTC"))
    except BadInput:
        return "UTC"


def _filter(query: Mapping[str, str], owner: str) -> MeetingFilter:
    """What the address asks for. Raises `BadInput` for a cursor that is not ours."""
    status, text = query.get("status", ""), scrubbed(query.get("text", ""), limit=200)
    return MeetingFilter(
        owner=owner,
        statuses=(Status(status),) if status in set(Status) else (),
        text=text.replace("\n", " ") or None,
        after=read_mark(query["cursor"][:200]) if query.get("cursor") else None,
        limit=_PAGE + 1,
    )


def _more(query: Mapping[str, str], last: MeetingView) -> str:
    """The address of the next page."""
    mark = write_mark(PageMark(created_at=last.created_at, id=last.id))
    kept = {name: query[name] for name in ("status", "text") if query.get(name)}
    return f"/desk?{urlencode({**kept, 'cursor': mark})}"
