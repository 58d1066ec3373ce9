"""Reading meetings: the list with filters and pages, one meeting, and its mails."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.commands import LONGEST_WAIT
from api.conditional import etag, not_modified
from api.cursors import read_mark, write_mark
from api.errors import offer_way_out
from api.examples import MEETING_EXAMPLE
from api.hypermedia import Document, Form, Property, answer
from api.meeting_bodies import Time
from api.meeting_documents import mail_document, meeting_document, meeting_href, message_document
from api.names import MeetingId
from api.openapi import document_responses
from api.ports import PortsDep
from api.security import MeetingsReader
from api.waiting import watch
from domain.access import Principal, Scope
from domain.meetings.model import Status
from domain.meetings.views import MeetingFilter, MeetingView, PageMark
from domain.values import Line

router = APIRouter(tags=["meetings"])

AtLeast = Annotated[int, Query(ge=0, le=10**9, description="The version to wait for.")]
Wait = Annotated[
    float, Query(ge=0, le=LONGEST_WAIT, description="How many seconds to wait for it, 30 at most.")
]
Words = Annotated[Line | None, Field(min_length=1, max_length=200)]


async def filters(
    principal: MeetingsReader,
    status: Annotated[
        list[Status] | None, Query(max_length=7, description="Any of these states; repeatable.")
    ] = None,
    address: Annotated[
        Words, Query(description="A party's mail address, whatever its case.")
    ] = None,
    text: Annotated[
        Words, Query(description="Part of the title, the location or a party's name.")
    ] = None,
    created_from: Annotated[Time | None, Query(description="Asked for at or after.")] = None,
    created_before: Annotated[Time | None, Query(description="Asked for before.")] = None,
    starts_from: Annotated[Time | None, Query(description="Taking place at or after.")] = None,
    starts_before: Annotated[Time | None, Query(description="Taking place before.")] = None,
    cursor: Annotated[
        str | None, Query(max_length=200, description="From the link `next` of a page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Meetings per page.")] = 20,
) -> MeetingFilter:
    """The filter of the query, for this caller's meetings only."""
    return MeetingFilter(
        owner=principal.owner,
        statuses=tuple(status or ()),
        address=address,
        text=text,
        created_from=created_from,
        created_before=created_before,
        starts_from=starts_from,
        starts_before=starts_before,
        after=read_mark(cursor) if cursor else None,
        limit=limit,
    )


Wanted = Annotated[MeetingFilter, Depends(filters)]


@router.get(
    "/meetings",
    summary="List meetings",
    responses=document_responses(
        "A page of meetings, newest first",
        {"_embedded": {"items": [MEETING_EXAMPLE]}, "_links": {"self": {"href": "/meetings"}}},
        401,
        403,
        406,
        422,
    ),
)
async def list_meetings(
    request: Request, wanted: Wanted, ports: PortsDep, principal: MeetingsReader
) -> Response:
    """Newest first. Filters narrow together; the link `next` leads on as long as there is more.

    A page is a moment's view: meetings asked for meanwhile appear on the first page, never twice.
    """
    more = wanted.model_copy(update={"limit": wanted.limit + 1})
    found = await ports.meetings.search(more)
    shown, now = found[: wanted.limit], ports.clock()
    document = Document({"count": len(shown)}).link("self", _here(request))
    document.link("first", _here(request, cursor=None))
    if len(found) > wanted.limit:
        document.link("next", _here(request, cursor=_mark(shown[-1])))
    document.link("parley:find", "/meetings{?status*,address,text,cursor,limit}", templated=True)
    if principal.may(Scope.MEETINGS_WRITE):
        document.link("create-form", "/meetings").link("describedby", "/schemas/MeetingBody")
        document.form("default", REQUEST_FORM)
    return answer(request, document.embed("items", _items(shown, now, principal)))


def _items(meetings: list[MeetingView], now: datetime, principal: Principal) -> list[Document]:
    may_write = principal.may(Scope.MEETINGS_WRITE)
    return [meeting_document(each, now, may_write=may_write) for each in meetings]


def _mark(meeting: MeetingView) -> str:
    return write_mark(PageMark(created_at=meeting.created_at, id=meeting.id))


def _here(request: Request, **changes: str | None) -> str:
    """This address with some query parameters replaced; None drops one."""
    kept = [
        (name, value) for name, value in request.query_params.multi_items() if name not in changes
    ]
    changed = [(name, value) for name, value in changes.items() if value is not None]
    query = urlencode(kept + changed)
    return f"/meetings?{query}" if query else "/meetings"


REQUEST_FORM = Form(
    "/meetings",
    title="Ask for a meeting",
    properties=(
        Property("title", required=True, max_length=200),
        Property("description", type="textarea", max_length=4000),
        Property("location", max_length=300),
        Property("organizer", max_length=100),
        Property(
            "parties",
            "Two people: a list of {name, address, zone} or {person}",
            "textarea",
            required=True,
        ),
        Property(
            "slots", "Times to try, in order: a list of {start, end}", "textarea", required=True
        ),
        Property("answer_for", "How long people have to answer (ISO 8601)", value="P7D"),
    ),
)


@router.get(
    "/meetings/{meeting_id}",
    summary="Read a meeting",
    responses=document_responses(
        "The meeting as it stands", MEETING_EXAMPLE, 401, 403, 404, 406, 422
    ),
)
async def read_meeting(
    meeting_id: MeetingId,
    request: Request,
    ports: PortsDep,
    principal: MeetingsReader,
    at_least: AtLeast = 0,
    wait: Wait = 0,
) -> Response:
    """Where the meeting stands, who answered what, and the links and forms of what is possible
    now. `ETag` is its version; `If-None-Match` saves the body.

    With `at_least` and `wait` the answer comes once the meeting has reached that version, and
    after `wait` seconds as it stands: `version` says which of the two it is.
    """
    offer_way_out(request, "collection", "/meetings")

    async def look() -> MeetingView:
        return await ports.meetings.view(principal.owner, meeting_id)

    meeting = await watch(look, lambda seen: seen.version >= at_least, ports.journal.news, wait)
    may_write = principal.may(Scope.MEETINGS_WRITE)
    document = meeting_document(meeting, ports.clock(), may_write=may_write)
    tag = etag(meeting.version)
    if not_modified(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return answer(request, document, 200, {"ETag": tag})


@router.get(
    "/meetings/{meeting_id}/messages",
    summary="List a meeting's mails out",
    responses=document_responses(
        "Every mail with what is known of it", {"count": 2}, 401, 403, 404, 406
    ),
)
async def list_messages(
    meeting_id: MeetingId, request: Request, ports: PortsDep, principal: MeetingsReader
) -> Response:
    """Oldest first. `state` is `queued`, `claimed`, `sending`, `retry`, `sent`, `failed`, or
    `uncertain`: the whole message was handed over and the connection broke before the reply."""
    offer_way_out(request, "collection", "/meetings")
    messages = await ports.meetings.messages(principal.owner, meeting_id)
    document = _of_meeting(meeting_id, "messages", len(messages))
    may_read = principal.may(Scope.MESSAGES_READ)
    return answer(
        request,
        document.embed("items", [message_document(each, may_read=may_read) for each in messages]),
    )


@router.get(
    "/meetings/{meeting_id}/mail",
    summary="List a meeting's mails in",
    responses=document_responses("Every mail with its verdict", {"count": 1}, 401, 403, 404, 406),
)
async def list_mail(
    meeting_id: MeetingId, request: Request, ports: PortsDep, principal: MeetingsReader
) -> Response:
    """Oldest first. `verdict` is what the mail was taken for, `reading` what was read from it,
    `effect` and `detail` what came of it; all are null until it has been read."""
    offer_way_out(request, "collection", "/meetings")
    mails = await ports.meetings.mail(principal.owner, meeting_id)
    document = _of_meeting(meeting_id, "mail", len(mails))
    return answer(request, document.embed("items", [mail_document(each) for each in mails]))


def _of_meeting(meeting_id: str, part: str, count: int) -> Document:
    here = meeting_href(meeting_id)
    return Document({"count": count}).link("self", f"{here}/{part}").link("up", here)
