"""Signing in at the desk with an API key, and out again."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.limits import TooMany
from api.pages.guard import check_same_site, read_form
from api.pages.nonce import Nonces
from api.pages.ports import PageParts
from api.pages.refusals import page_route
from api.pages.rendering import Pages, see_other
from api.pages.sessions import Sessions, safe_back
from api.security import opened
from domain.access import Scope
from domain.errors import BadInput, NotAllowed, ParleyError, Unavailable

_FORM = "login"


class LoginPages:
    """`/login` and `/logout`."""

    def __init__(self, parts: PageParts, pages: Pages, sessions: Sessions) -> None:
        self._parts = parts
        self._pages = pages
        self._sessions = sessions
        self._nonces = Nonces(parts.ports.secret)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=page_route(self._pages))
        router.add_api_route("/login", self.show, methods=["GET", "HEAD"])
        router.add_api_route("/login", self.sign_in, methods=["POST"])
        router.add_api_route("/logout", self.sign_out, methods=["POST"])
        return router

    async def show(self, request: Request) -> Response:
        """The form; `next` says where it leads."""
        return self._page(safe_back(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        """Begin a session. A wrong key and one without the scope get the form again."""
        back = "/desk"
        try:
            check_same_site(request, self._parts.base_url)
            fields = await read_form(request)
            back = safe_back(fields.get("next", ""))
            self._nonces.read(fields.get("nonce", ""), _FORM, self._parts.ports.clock())
            key_id = await self._key_id(request, fields.get("key", "").strip())
        except (NotAllowed, BadInput) as refusal:
            return self._page(back, 400 if isinstance(refusal, BadInput) else 403, refusal)
        except TooMany as refusal:
            return self._pages.too_many(refusal)
        return self._sessions.begin(see_other(back), key_id)

    async def sign_out(self, request: Request) -> Response:
        """End the session. Another site can at most try: the cookie stays unless it is ours."""
        try:
            check_same_site(request, self._parts.base_url)
            return await self._sessions.end(request, see_other("/login"))
        except NotAllowed as refusal:
            return self._page("/desk", 403, refusal)
        except Unavailable as fault:
            return self._page("/desk", 503, fault)

    async def _key_id(self, request: Request, key: str) -> str:
        principal = await opened(request, self._parts.ports, key)
        principal.needs(Scope.MEETINGS_READ)
        return principal.key_id

    def _page(self, back: str, status: int = 200, fault: ParleyError | None = None) -> Response:
        nonce = self._nonces.mint(_FORM, "-", self._parts.ports.clock())
        return self._pages.render("login.html", status, nonce=nonce, back=back, fault=fault)
