"""Every page, wired: the participant's, the desk's, the mailbox's, and what they are drawn with."""

from fastapi import APIRouter
from starlette.responses import Response

from api.pages.desk import DeskPages
from api.pages.desk_guard import DeskGuard
from api.pages.login import LoginPages
from api.pages.mailbox import MailboxPages
from api.pages.messages import MessagePages
from api.pages.new_meeting import NewMeetingPages
from api.pages.participant import ParticipantPages
from api.pages.ports import PageParts
from api.pages.quarantine import QuarantinePages
from api.pages.rendering import Pages
from api.pages.sessions import Sessions
from api.pages.suppressions import SuppressionPages
from api.pages.unsubscribe import UnsubscribePages

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}


def routers(parts: PageParts) -> list[APIRouter]:
    """All pages. The mailbox is among them only beside the embedded catcher."""
    has_mailbox = parts.mailbox is not None and parts.attendees is not None
    pages = Pages(has_mailbox=has_mailbox)
    sessions = Sessions(parts)
    guard = DeskGuard(parts, pages, sessions)
    found = [
        _drawing(pages),
        ParticipantPages(parts, pages).router(),
        UnsubscribePages(parts, pages, parts.wishes).router(),
        LoginPages(parts, pages, sessions).router(),
        # Before the desk, whose path for one meeting is wider.
        NewMeetingPages(parts, pages, guard).router(),
        QuarantinePages(parts, pages, guard).router(),
        MessagePages(parts, pages, guard).router(),
        SuppressionPages(parts, pages, guard).router(),
        DeskPages(parts, pages, guard).router(),
    ]
    if parts.mailbox is not None and parts.attendees is not None:
        found.append(MailboxPages(parts, pages, sessions, parts.mailbox, parts.attendees).router())
    return found


def _drawing(pages: Pages) -> APIRouter:
    """The stylesheet, under an address that changes with it, and the icon."""
    router = APIRouter(include_in_schema=False)

    async def stylesheet() -> Response:
        return Response(pages.stylesheet, headers=_FOR_EVER, media_type="text/css")

    async def icon() -> Response:
        return Response(pages.icon, headers=_FOR_A_DAY, media_type="image/svg+xml")

    router.add_api_route(pages.stylesheet_path, stylesheet, methods=["GET", "HEAD"])
    router.add_api_route("/pages/parley.svg", icon, methods=["GET", "HEAD"])
    return router
