"""What happened: the owner's events as lists to page through, and as streams to follow."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response

from api.errors import offer_way_out
from api.examples import EVENT_EXAMPLE
from api.hypermedia import Document, answer
from api.meeting_documents import meeting_href
from api.names import MeetingId
from api.openapi import Responses, document_responses, problem_responses
from api.ports import Ports, PortsDep
from api.representations import event_documents
from api.security import Caller, MeetingsReader
from api.stream import Feed, event_stream, look_after, resume_position
from domain.access import Principal
from domain.meetings.messages import stream_of
from domain.values import ZoneName

router = APIRouter(tags=["events"])

LATEST = 2**63 - 1

EventType = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,60}$")]
Types = Annotated[
    list[EventType] | None,
    Query(alias="type", max_length=20, description="Only events of these types; repeatable."),
]
After = Annotated[
    int | None, Query(ge=0, le=LATEST, description="Only events behind this position.")
]
Zone = Annotated[ZoneName, Query(description="The IANA zone sentences write times in.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Events per page.")]

_PAGE: Responses = document_responses(
    "A page of events in order; `next` leads on, also when there is nothing yet",
    {"_embedded": {"items": [EVENT_EXAMPLE]}},
    401,
    403,
    404,
    406,
    422,
)
_STREAM: Responses = {
    200: {
        "description": "Events: `id` is the position, `event` the type, `data` a CloudEvent",
        "content": {
            "text/event-stream": {
                "example": 'id: 4711\nevent: AnswerRecorded\ndata: {"specversion":"1.0",…}\n\n'
            }
        },
    },
    **problem_responses(401, 403, 404, 422),
}


@router.get("/events", summary="List events", responses=_PAGE)
async def list_events(
    request: Request,
    ports: PortsDep,
    caller: Caller,
    after: After = 0,
    type: Types = None,
    limit: Limit = 50,
    zone: Zone = "UTC",
) -> Response:
    """Everything that happened to you, as far as your key may read it, in the order in which it
    was committed: meetings with `meetings:read`, messages with `messages:read`, people with
    `people`, webhooks with `webhooks`.

    Remember the `position` of the page you have dealt with and ask for what came `after` it:
    nothing is missed and nothing comes twice.
    """
    feed = _readable(caller, type, zone)
    return await _page(request, ports, feed, after or 0, limit, "/events")


@router.get("/events/stream", summary="Follow events", responses=_STREAM)
async def follow_events(
    request: Request,
    ports: PortsDep,
    caller: Caller,
    after: After = None,
    type: Types = None,
    zone: Zone = "UTC",
) -> Response:
    """Server-Sent Events from now on, or from behind `after`.

    `Last-Event-ID`, which clients send by themselves when they reconnect, continues without a
    gap. A `reset` event says that the position asked for does not exist here (any more).
    """
    start = resume_position(request, after)
    if start is None:
        start = await ports.journal.last_position(caller.owner)
    feed = _readable(caller, type, zone)
    return event_stream(request, ports, caller, feed, start)


@router.get("/meetings/{meeting_id}/events", summary="List a meeting's events", responses=_PAGE)
async def list_meeting_events(
    meeting_id: MeetingId,
    request: Request,
    ports: PortsDep,
    caller: MeetingsReader,
    after: After = 0,
    type: Types = None,
    limit: Limit = 50,
    zone: Zone = "UTC",
) -> Response:
    """What happened to one meeting, with names, the words people wrote, and a sentence each."""
    await _need_meeting(request, ports, caller.owner, meeting_id)
    feed = Feed(caller.owner, stream_of(meeting_id), types=tuple(type or ()), zone=zone)
    return await _page(
        request, ports, feed, after or 0, limit, f"{meeting_href(meeting_id)}/events"
    )


@router.get("/meetings/{meeting_id}/events/stream", summary="Follow a meeting", responses=_STREAM)
async def follow_meeting(
    meeting_id: MeetingId,
    request: Request,
    ports: PortsDep,
    caller: MeetingsReader,
    after: After = 0,
    type: Types = None,
    zone: Zone = "UTC",
) -> Response:
    """Server-Sent Events of one meeting from its beginning, or from behind `after` or
    `Last-Event-ID`, and on as they happen."""
    await _need_meeting(request, ports, caller.owner, meeting_id)
    feed = Feed(caller.owner, stream_of(meeting_id), types=tuple(type or ()), zone=zone)
    start = resume_position(request, after) or 0
    return event_stream(request, ports, caller, feed, start)


def _readable(caller: Principal, types: list[str] | None, zone: str) -> Feed:
    """Everything the caller may read. Raises `NotAllowed` when that is nothing."""
    kinds = caller.readable_streams()
    return Feed(caller.owner, kinds=kinds, types=tuple(types or ()), zone=zone)


async def _need_meeting(request: Request, ports: Ports, owner: str, meeting_id: str) -> None:
    """Raises `NotFound`, also for another owner's meeting."""
    offer_way_out(request, "collection", "/meetings")
    await ports.meetings.view(owner, meeting_id)


async def _page(
    request: Request, ports: Ports, feed: Feed, after: int, limit: int, path: str
) -> Response:
    events, last = await look_after(ports.journal, feed, after, limit)
    shown = await event_documents(ports.journal, events, str(ports.settings.base_url), feed.zone)
    query = [("type", each) for each in feed.types] + [("limit", str(limit)), ("zone", feed.zone)]
    document = Document({"count": len(shown), "position": last})
    document.link("self", f"{path}?{urlencode([('after', str(after)), *query])}")
    document.link("next", f"{path}?{urlencode([('after', str(last)), *query])}")
    document.link("parley:stream", f"{path}/stream?{urlencode({'after': last})}")
    if feed.stream is not None:
        document.link("up", path.removesuffix("/events"))
    return answer(request, document.embed("items", [Document(each) for each in shown]))
