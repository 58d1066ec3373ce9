"""What every page of the desk shares: who may see it, how its forms are trusted, how it fails."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request
from starlette.responses import Response

from api.pages.guard import check_same_site, read_form
from api.pages.nonce import Nonce, Nonces
from api.pages.ports import PageParts
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Session, Sessions, SignedOut, login_path
from domain.access import Scope
from domain.errors import BadInput, NotAllowed, NotFound, ParleyError, Unavailable

Handler = Callable[[Request, Session], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class DeskGuard:
    """Lets the signed-in in and sends everybody else to the login page."""

    def __init__(self, parts: PageParts, pages: Pages, sessions: Sessions) -> None:
        self._parts = parts
        self._pages = pages
        self._sessions = sessions
        self._nonces = Nonces(parts.ports.secret)

    def guarded(self, handler: Handler) -> Endpoint:
        """`handler` for the signed-in; every refusal becomes a page."""

        async def endpoint(request: Request) -> Response:
            try:
                return await handler(request, await self._sessions.current(request))
            except SignedOut as refusal:
                return see_other(login_path(refusal.back))
            except ParleyError as refusal:
                return self._pages.message(_status(refusal), _title(refusal), str(refusal))

        return endpoint

    def mint(self, session: Session) -> str:
        """A nonce for the forms of a page of this session."""
        return self._nonces.mint(session.id, "-", self._parts.ports.clock())

    async def posted(
        self, request: Request, session: Session, scope: Scope = Scope.MEETINGS_WRITE
    ) -> tuple[Mapping[str, str], Nonce]:
        """The fields of a form that this session's own page sent, and its nonce.

        Raises `NotAllowed` for another site's, a forged or an old one, and for keys without
        `scope`; `BadInput` for what is no form.
        """
        check_same_site(request, self._parts.base_url)
        session.principal.needs(scope)
        fields = await read_form(request)
        return fields, self._nonces.read(
            fields.get("nonce", ""), session.id, self._parts.ports.clock()
        )


def _status(refusal: ParleyError) -> int:
    if isinstance(refusal, NotFound):
        return 404
    if isinstance(refusal, NotAllowed):
        return 403
    if isinstance(refusal, Unavailable):
        return 503
    return 422 if isinstance(refusal, BadInput) else 409


def _title(refusal: ParleyError) -> str:
    if isinstance(refusal, NotFound):
        return "There is nothing here"
    return "This was not done"
