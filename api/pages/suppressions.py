"""The desk's page of addresses that take no mail."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.addresses import to_mailbox
from api.pages.desk_guard import DeskGuard
from api.pages.messages_view import suppression_entries
from api.pages.ports import PageParts
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Session
from domain.access import Scope
from domain.errors import BadInput, NotFound
from domain.outbox.model import SuppressionScope
from domain.values import scrubbed

_HERE = "/desk/suppressions"
_PAGE = 100
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class SuppressionPages:
    """`/desk/suppressions`."""

    def __init__(self, parts: PageParts, pages: Pages, guard: DeskGuard) -> None:
        self._ports = parts.ports
        self._pages = pages
        self._guard = guard

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        guarded = self._guard.guarded
        router.add_api_route(_HERE, guarded(self.show), methods=["GET", "HEAD"])
        router.add_api_route(_HERE, guarded(self.add), methods=["POST"])
        router.add_api_route(f"{_HERE}/{{id}}/lift", guarded(self.lift), methods=["POST"])
        return router

    async def show(self, request: Request, session: Session) -> Response:
        """What is in force, the newest first; of one address where one is looked for."""
        session.principal.needs(Scope.MESSAGES_READ)
        return await self._page(request, session)

    async def add(self, request: Request, session: Session) -> Response:
        """Write to an address no more."""
        fields, _ = await self._guard.posted(request, session, Scope.MESSAGES_WRITE)
        typed = scrubbed(fields.get("address", ""), limit=254)
        scope = fields.get("scope", "")
        try:
            address = to_mailbox(typed)
        except BadInput as fault:
            return await self._page(request, session, typed, fault)
        await self._ports.suppressions.add(
            session.principal.owner,
            address,
            SuppressionScope(scope) if scope in set(SuppressionScope) else SuppressionScope.ALL,
            self._ports.clock(),
            detail=scrubbed(fields.get("detail", ""), limit=200).replace("\n", " "),
        )
        return see_other(_HERE)

    async def lift(self, request: Request, session: Session) -> Response:
        """Let mail go there again."""
        await self._guard.posted(request, session, Scope.MESSAGES_WRITE)
        name = str(request.path_params["id"])
        if not _NUMBER.fullmatch(name):
            raise NotFound("There is no such suppression.")
        owner, now = session.principal.owner, self._ports.clock()
        await self._ports.suppressions.lift(owner, int(name), now)
        return see_other(_HERE)

    async def _page(
        self, request: Request, session: Session, typed: str = "", fault: BadInput | None = None
    ) -> Response:
        principal, query = session.principal, request.query_params
        looked_for, below = scrubbed(query.get("address", ""), limit=254), query.get("before", "")
        found = await self._ports.suppressions.list_of(
            principal.owner,
            self._ports.clock(),
            address=looked_for or None,
            below=int(below) if _NUMBER.fullmatch(below) else None,
            limit=_PAGE + 1,
        )
        shown = found[:_PAGE]
        return self._pages.render(
            "desk_suppressions.html",
            200 if fault is None else 422,
            entries=suppression_entries(shown),
            looked_for=looked_for,
            typed=typed,
            fault=fault,
            more=f"{_HERE}?before={shown[-1].id}" if len(found) > _PAGE else "",
            nonce=self._guard.mint(session),
            may_decide=principal.may(Scope.MESSAGES_WRITE),
            may_write=principal.may(Scope.MEETINGS_WRITE),
            reads_mail=True,
            is_admin=principal.may(Scope.ADMIN),
        )
