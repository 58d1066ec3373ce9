"""The desk's page of mail that needs an operator, for keys with the scope `admin`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.desk_guard import DeskGuard
from api.pages.ports import Context, PageParts
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Session
from api.quarantine import raw_response
from domain.access import Scope
from domain.inbox.quarantine import Custody, Deed, Stray, StrayName, possible, read_name
from domain.meetings.civil import instant_words
from domain.values import as_address, scrubbed

_HERE = "/desk/quarantine"
_MOST = 100
_WHY = {
    "nobody": "None of its addresses is one of ours, or lives.",
    "too-large": "It is larger than what is given to a meeting.",
    "too-nested": "It holds more mails and parts inside each other than any mail program makes.",
    "cut": "It is so large that only the beginning of what came was kept.",
    "unreadable": "It came in, and could not be read.",
}


class QuarantinePages:
    """`/desk/quarantine`."""

    def __init__(self, parts: PageParts, pages: Pages, guard: DeskGuard) -> None:
        self._ports = parts.ports
        self._pages = pages
        self._guard = guard

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        guarded, one = self._guard.guarded, f"{_HERE}/{{mail_id}}"
        reading = ["GET", "HEAD"]
        router.add_api_route(_HERE, guarded(self.show), methods=reading)
        router.add_api_route(f"{one}/raw", guarded(self.raw), methods=reading)
        router.add_api_route(f"{one}/replay", guarded(self.replay), methods=["POST"])
        router.add_api_route(f"{one}/discard", guarded(self.discard), methods=["POST"])
        return router

    async def show(self, request: Request, session: Session) -> Response:
        """The newest mails that wait for somebody, and those that could not be read."""
        session.principal.needs(Scope.ADMIN)
        owner = session.principal.owner
        kept = await self._ports.strays.newest(owner, Custody.KEPT, _MOST)
        unreadable = await self._ports.strays.unreadable(owner, _MOST)
        return self._pages.render(
            "desk_quarantine.html",
            kept=[_entry(stray) for stray in kept],
            unreadable=[_entry(stray) for stray in unreadable],
            nonce=self._guard.mint(session),
            is_admin=True,
            reads_mail=True,
        )

    async def raw(self, request: Request, session: Session) -> Response:
        """The mail as it came, as a file to save."""
        session.principal.needs(Scope.ADMIN)
        name = _name(request)
        return raw_response(str(name), await self._ports.strays.raw(session.principal.owner, name))

    async def replay(self, request: Request, session: Session) -> Response:
        """Give a mail to the inbox, or have it read again."""
        session.principal.needs(Scope.ADMIN)
        fields, _ = await self._guard.posted(request, session)
        typed, seen = fields.get("address", "").strip(), fields.get("replays", "")
        await self._ports.strays.replay(
            session.principal.owner,
            _name(request),
            self._ports.clock(),
            as_address(scrubbed(typed, limit=320)) if typed else None,
            int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 7 else None,
        )
        return see_other(_HERE)

    async def discard(self, request: Request, session: Session) -> Response:
        """Be done with a mail."""
        session.principal.needs(Scope.ADMIN)
        await self._guard.posted(request, session)
        await self._ports.strays.discard(
            session.principal.owner, _name(request), self._ports.clock()
        )
        return see_other(_HERE)


def _name(request: Request) -> StrayName:
    return read_name(str(request.path_params["mail_id"]))


def _entry(stray: Stray) -> Context:
    deeds = {row.deed for row in possible(stray)}
    return {
        "id": stray.id,
        "state": stray.custody.value,
        "why": _WHY.get(stray.reason, stray.reason),
        "reason": stray.reason,
        "sender": stray.mail_from or "nobody (a report)",
        "recipient": stray.recipient or "nobody",
        "source": stray.source,
        "at": instant_words(stray.received_at, "UTC"),
        "copies": stray.copies,
        "replays": stray.replays,
        "problems": stray.problems,
        "is_arrived": stray.id.startswith("m"),
        "may_replay": Deed.REPLAY in deeds,
        "may_discard": Deed.DISCARD in deeds,
        "has_raw": Deed.RAW in deeds,
    }
