"""Reading messages: the list with filters and counts, one with its story, and its bytes."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.errors import offer_way_out
from api.examples import MESSAGE_EXAMPLE
from api.hypermedia import Document, answer
from api.meeting_bodies import Time
from api.message_documents import (
    list_document,
    message_href,
    reader_of,
    story_document,
)
from api.names import MessageId
from api.openapi import Responses, document_responses, problem_responses
from api.ports import PortsDep
from api.representations import event_documents
from api.security import MessagesReader
from domain.errors import BytesForgotten
from domain.outbox.model import MessageState
from domain.outbox.views import MessageFilter
from domain.values import Line

router = APIRouter(tags=["messages"])

Words = Annotated[Line | None, Field(min_length=1, max_length=254)]


async def filters(
    principal: MessagesReader,
    state: Annotated[
        list[MessageState] | None, Query(max_length=12, description="Any of these; repeatable.")
    ] = None,
    kind: Annotated[
        Words, Query(description="This kind, or with a dot at its end all that begin so.")
    ] = None,
    recipient: Annotated[Words, Query(description="This address, whatever its case.")] = None,
    subject: Annotated[
        Words, Query(description="About this: `meeting/7f3a…`, or your own id.")
    ] = None,
    needs_attention: Annotated[
        bool, Query(description="Only what somebody should look at.")
    ] = False,
    created_from: Annotated[Time | None, Query(description="Asked for at or after.")] = None,
    created_before: Annotated[Time | None, Query(description="Asked for before.")] = None,
    sent_from: Annotated[Time | None, Query(description="Sent at or after.")] = None,
    sent_before: Annotated[Time | None, Query(description="Sent before.")] = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**62, description="From the link `next` of a page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Messages per page.")] = 50,
) -> MessageFilter:
    """The filter of the query, for this caller's messages only."""
    return MessageFilter(
        owner=principal.owner,
        states=tuple(state or ()),
        kind=kind,
        recipient=recipient,
        subject=subject,
        needs_attention=needs_attention,
        created_from=created_from,
        created_before=created_before,
        sent_from=sent_from,
        sent_before=sent_before,
        before=before,
        limit=limit,
    )


Wanted = Annotated[MessageFilter, Depends(filters)]


@router.get(
    "/messages",
    summary="List messages",
    responses=document_responses(
        "A page of messages, newest first, and how many there are in each state",
        {"count": 1, "states": {"sent": 1}, "_embedded": {"items": [MESSAGE_EXAMPLE]}},
        *(401, 403, 406, 422),
    ),
)
async def search_messages(
    request: Request, wanted: Wanted, ports: PortsDep, principal: MessagesReader
) -> Response:
    """Every mail out, of meetings and of your own. Filters narrow together; `next` leads on.

    `states` counts what fits the other filters, whatever `state` says; of what is sent or on its
    way the newest `most_counted` are counted.
    """
    more = wanted.model_copy(update={"limit": wanted.limit + 1})
    found = await ports.messages.search(more)
    counts = await ports.messages.counts(wanted)
    shown = found[: wanted.limit]
    document = list_document(shown, counts, reader_of(principal, ports.settings))
    _link_pages(document, request, str(shown[-1].id) if len(found) > wanted.limit else None)
    return answer(request, document)


def _link_pages(document: Document, request: Request, after: str | None) -> None:
    document.link("self", _here(request)).link("first", _here(request, before=None))
    if after is not None:
        document.link("next", _here(request, before=after))
    template = "/messages{?state*,kind,recipient,subject,needs_attention,before,limit}"
    document.link("parley:find", template, templated=True)
    document.link("parley:suppressions", "/suppressions", title="Addresses that take no mail")


def _here(request: Request, **changes: str | None) -> str:
    """This address with some query parameters replaced; None drops one."""
    kept = [
        (name, value) for name, value in request.query_params.multi_items() if name not in changes
    ]
    changed = [(name, value) for name, value in changes.items() if value is not None]
    query = urlencode(kept + changed)
    return f"/messages?{query}" if query else "/messages"


@router.get(
    "/messages/{message_id}",
    summary="Read a message",
    responses=document_responses("The message", MESSAGE_EXAMPLE, 401, 403, 404, 406),
)
async def read_message(
    message_id: MessageId, request: Request, ports: PortsDep, principal: MessagesReader
) -> Response:
    """Who is written to, what became of it and why, and `timeline`: from the event that caused
    it (`cause`) over every attempt, with how far it got and what which server said, to whatever
    was heard afterwards."""
    offer_way_out(request, "collection", "/messages")
    story = await ports.messages.story(principal.owner, message_id)
    events = [] if story.cause is None else [story.cause]
    base_url = str(ports.settings.base_url)
    shown = await event_documents(ports.journal, events, base_url, "UTC")
    reader = reader_of(principal, ports.settings)
    return answer(request, story_document(story, reader, shown[0] if shown else None))


_RAW: Responses = {
    200: {
        "description": "The mail, octet for octet",
        "content": {"message/rfc822": {"example": "Date: Mon, 01 Mar 2027 12:00:00 +0000\r\n…"}},
    },
    **problem_responses(401, 403, 404, 410),
}


@router.get("/messages/{message_id}/raw", summary="Read a message's bytes", responses=_RAW)
async def read_message_bytes(
    message_id: MessageId, request: Request, ports: PortsDep, principal: MessagesReader
) -> Response:
    """The mail as it is sent, signature included. 410 when its bytes are no longer kept."""
    offer_way_out(request, "up", message_href(message_id))
    kept = await ports.messages.raw(principal.owner, message_id)
    if kept.raw is None:
        raise BytesForgotten("The bytes of this message are no longer kept.")
    headers = {
        "Content-Disposition": f'attachment; filename="message-{message_id}.eml"',
        "Cache-Control": "private, no-store",
    }
    return Response(kept.raw, 200, headers, "message/rfc822")
