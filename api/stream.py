"""Events as they happen: Server-Sent Events whose ids are journal positions.

A client that reconnects with `Last-Event-ID` continues behind the last event it saw, with no
gap and nothing twice (WHATWG HTML §9.2). A comment every 15 seconds keeps proxies from closing;
as often the key is looked at again, and the stream of one that was revoked ends.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.headers import HEAD
from api.ports import Journal, Ports
from api.representations import event_documents
from api.waiting import watch
from domain.access import Principal
from domain.errors import BadInput
from domain.journal import JournalEvent

PING_EVERY = 15.0
"""Seconds of silence after which a comment is sent."""

RECONNECT_AFTER = 2000
"""Milliseconds a client waits before it reconnects."""

BATCH = 100


@dataclass(frozen=True)
class Feed:
    """Which events to follow: those of one owner, perhaps of one stream, of some kinds of streams,
    or of some types only."""

    owner: str
    stream: str | None = None
    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    zone: str = "UTC"


class Seen(NamedTuple):
    """Events, and the position up to which nothing else is of their feed."""

    events: list[JournalEvent]
    reached: int


async def look_after(journal: Journal, feed: Feed, position: int, limit: int) -> Seen:
    """The feed's events after `position`, at most `limit`. It moves past what is not of the feed,
    which would else be read again at every look."""
    last = await journal.last_position(feed.owner)  # before the look: what comes later is not lost
    events = await journal.after(
        feed.owner, position, stream=feed.stream, kinds=feed.kinds, types=feed.types, limit=limit
    )
    found = events[-1].position if events else position
    return Seen(events, found if len(events) == limit else max(found, last))


def resume_position(request: Request, after: int | None) -> int | None:
    """Where a client wants to continue: `Last-Event-ID` if it reconnects, else `after`.

    Raises `BadInput` for an id that was never one of ours.
    """
    sent = request.headers.get("last-event-id", "").strip()
    if not sent:
        return after
    if not sent.isascii() or not sent.isdecimal() or len(sent) > 19 or int(sent) >= 2**63:
        raise BadInput("Last-Event-ID is a number this stream gave.", field="Last-Event-ID")
    return int(sent)


class EventStream(StreamingResponse):
    """Frames as they come, holding one of its key's places meanwhile.

    Raises `TooMany` instead of beginning when there is none.
    """

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        place: AbstractContextManager[None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(frames, headers=headers, media_type="text/event-stream")
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


def event_stream(
    request: Request, ports: Ports, caller: Principal, feed: Feed, start: int
) -> Response:
    """The feed from behind position `start`, as `text/event-stream`, until the client goes or
    its key is revoked."""
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    if request.scope.get(HEAD):
        return Response(headers=headers, media_type="text/event-stream")

    async def is_open() -> bool:
        return await ports.keys.is_live(caller.key_id, ports.clock())

    body = frames(ports.journal, feed, start, str(ports.settings.base_url), is_open, PING_EVERY)
    return EventStream(body, ports.limits.streams.held(caller.key_id), headers)


async def frames(
    journal: Journal,
    feed: Feed,
    start: int,
    base_url: str,
    is_open: Callable[[], Awaitable[bool]],
    ping_every: float,
) -> AsyncIterator[bytes]:
    """The bytes of the stream. Begins with the id it continues behind, so that a client that is
    cut off before its first event resumes from there as well. Ends when it is not open any more,
    which is asked every `ping_every` seconds, also while events keep coming."""
    clock = asyncio.get_running_loop().time
    position = start
    last = await journal.last_position(feed.owner)
    if start > last:
        # From before a restore into an older copy: those events do not exist here.
        position = last
        yield _frame(json.dumps({"position": last}), event="reset", id=last)
    yield f"retry: {RECONNECT_AFTER}\nid: {position}\n\n".encode()
    ask_at = clock() + ping_every
    while True:
        events, reached = await _next_events(journal, feed, position, max(0.0, ask_at - clock()))
        if clock() >= ask_at:
            if not await is_open():
                return
            ask_at = clock() + ping_every
        if events:
            yield await _batch(journal, events, feed, base_url)
        else:
            yield b": still here\n\n" if reached == position else b"id: %d\n\n" % reached
        position = reached


async def _next_events(journal: Journal, feed: Feed, position: int, timeout: float) -> Seen:
    reached = position

    async def look() -> Seen:
        nonlocal reached
        seen = await look_after(journal, feed, reached, BATCH)
        reached = seen.reached
        return seen

    return await watch(look, lambda seen: bool(seen.events), journal.news, timeout)


async def _batch(
    journal: Journal, events: Sequence[JournalEvent], feed: Feed, base_url: str
) -> bytes:
    documents = await event_documents(journal, events, base_url, feed.zone)
    return b"".join(
        _frame(_json(document), event=event.type, id=event.position)
        for event, document in zip(events, documents, strict=True)
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _frame(data: str, *, event: str, id: int) -> bytes:
    """One event. `data` is JSON without raw line breaks, so it is one field."""
    return f"id: {id}\nevent: {event}\ndata: {data}\n\n".encode()
