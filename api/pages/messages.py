"""The desk's pages of mail out: what became of each message, and the buttons to decide about it."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.desk import submission, temporal_of
from api.pages.desk_guard import DeskGuard
from api.pages.messages_view import HERE, chips, list_entry, message_context
from api.pages.ports import Context, PageParts
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Session
from api.representations import event_documents
from domain.access import Scope
from domain.errors import BytesForgotten, NotFound
from domain.outbox.events import own_subject
from domain.outbox.model import MessageState
from domain.outbox.transitions import Deed
from domain.outbox.views import MOST_COUNTED, MessageFilter, MessageStory
from domain.values import scrubbed

_PAGE = 50
_READING = ["GET", "HEAD"]
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_DONE: Mapping[str, str] = {
    Deed.HOLD: "It is held until somebody releases it.",
    Deed.RELEASE: "It is on its way.",
    Deed.RETRY_NOW: "It is tried again now.",
    Deed.DROP: "It is not sent any more.",
    Deed.CONFIRM: "It counts as sent.",
    Deed.RESEND: "This is the new message.",
}


class MessagePages:
    """`/desk/messages` and `/desk/messages/{id}`, with the deeds."""

    def __init__(self, parts: PageParts, pages: Pages, guard: DeskGuard) -> None:
        self._ports = parts.ports
        self._pages = pages
        self._guard = guard

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        guarded, one = self._guard.guarded, f"{HERE}/{{message_id}}"
        router.add_api_route(HERE, guarded(self.index), methods=_READING)
        router.add_api_route(one, guarded(self.show), methods=_READING)
        router.add_api_route(f"{one}/raw", guarded(self.raw), methods=_READING)
        router.add_api_route(f"{one}/{{deed}}", guarded(self.act), methods=["POST"])
        return router

    async def index(self, request: Request, session: Session) -> Response:
        """The owner's mail out, newest first, with how much there is of each state."""
        session.principal.needs(Scope.MESSAGES_READ)
        query = request.query_params
        wanted = _filter(query, session.principal.owner)
        found = await self._ports.messages.search(wanted)
        counts = await self._ports.messages.counts(wanted)
        shown, kept = found[:_PAGE], _kept(query)
        chosen = wanted.states[0].value if wanted.states else ""
        return self._pages.render(
            "desk_messages.html",
            entries=[list_entry(message) for message in shown],
            chips=chips(counts, chosen, kept),
            most_counted=MOST_COUNTED,
            chosen=chosen,
            typed={name: kept.get(name, "") for name in ("kind", "recipient", "subject")},
            needs_attention=wanted.needs_attention,
            more=_more(kept, chosen, shown[-1].id) if len(found) > _PAGE else "",
            **_nav(session),
        )

    async def show(self, request: Request, session: Session) -> Response:
        """One message with its story."""
        session.principal.needs(Scope.MESSAGES_READ)
        story = await self._ports.messages.story(session.principal.owner, _id(request))
        context = message_context(
            story,
            await self._cause(story),
            temporal_of(self._ports.settings),
            session.principal.may(Scope.MESSAGES_WRITE),
        )
        done = _DONE.get(request.query_params.get("done", ""), "")
        return self._pages.render(
            "desk_message.html",
            nonce=self._guard.mint(session),
            done=done,
            **context,
            **_nav(session),
        )

    async def _cause(self, story: MessageStory) -> str:
        """The event behind the message, in a sentence with names; of one of an integrator's own
        the timeline says as much."""
        if story.cause is None or own_subject(story.message.subject) is not None:
            return ""
        base_url = str(self._ports.settings.base_url)
        [shown] = await event_documents(self._ports.journal, [story.cause], base_url, "UTC")
        return str(shown["data"].get("sentence") or shown["type"])

    async def raw(self, request: Request, session: Session) -> Response:
        """The bytes as they are sent, to be read."""
        session.principal.needs(Scope.MESSAGES_READ)
        kept = await self._ports.messages.raw(session.principal.owner, _id(request))
        if kept.raw is None:
            raise BytesForgotten("The bytes of this message are no longer kept.")
        text = kept.raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        return self._pages.render("desk_raw.html", id=kept.id, text=text, **_nav(session))

    async def act(self, request: Request, session: Session) -> Response:
        """Carry out a deed: becomes a command, as over the API."""
        _, nonce = await self._guard.posted(request, session, Scope.MESSAGES_WRITE)
        deed, now = _deed(request), self._ports.clock()
        intent = submission(session, f"message.{deed}", nonce.id, request, {}, now)
        key_id = session.principal.key_id
        command, _ = await self._ports.messages.act(intent, _id(request), deed, key_id)
        return see_other(f"{HERE}/{command.stream.partition('/')[2]}?done={deed}")


def _nav(session: Session) -> Context:
    """What the bar of the page offers."""
    principal = session.principal
    return {
        "may_write": principal.may(Scope.MEETINGS_WRITE),
        "reads_mail": principal.may(Scope.MESSAGES_READ),
        "is_admin": principal.may(Scope.ADMIN),
    }


def _id(request: Request) -> int:
    name = str(request.path_params["message_id"])
    if not _NUMBER.fullmatch(name):
        raise NotFound("There is no such message.")
    return int(name)


def _deed(request: Request) -> Deed:
    name = str(request.path_params["deed"])
    if name not in set(Deed):
        raise NotFound("Nothing like this can be done to a message.")
    return Deed(name)


def _text(query: Mapping[str, str], name: str) -> str:
    return scrubbed(query.get(name, ""), limit=254).replace("\n", " ")


def _kept(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of the address, but for the state and the page."""
    names = ("kind", "recipient", "subject", "attention")
    return {name: text for name in names if (text := _text(query, name))}


def _more(kept: Mapping[str, str], chosen: str, last: int) -> str:
    """The address of the next page."""
    state = {"state": chosen} if chosen else {}
    return f"{HERE}?{urlencode({**kept, **state, 'before': last})}"


def _filter(query: Mapping[str, str], owner: str) -> MessageFilter:
    """What the address asks for; what makes no sense narrows nothing."""
    state, before = query.get("state", ""), query.get("before", "")
    return MessageFilter(
        owner=owner,
        states=(MessageState(state),) if state in set(MessageState) else (),
        kind=_text(query, "kind") or None,
        recipient=_text(query, "recipient") or None,
        subject=_text(query, "subject") or None,
        needs_attention=query.get("attention") == "1",
        before=int(before) if _NUMBER.fullmatch(before) else None,
        limit=_PAGE + 1,
    )
