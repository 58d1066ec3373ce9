"""The page on which whoever is written to says which mail they want, and the one click.

`POST /u/{token}` is the one POST that acts without a page, a nonce or a look at where it comes
from: mail programs send it when their button is pressed (RFC 8058 §3.2). It can only end optional
mail, which the page takes back. Everything else is done by the buttons of the page, whose address
differs: a link in the words of a mail must not lead to what acts at a POST.
"""

from datetime import datetime
from email.message import Message
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from api.limits import TooMany
from api.pages.guard import bounded_body, check_same_site, read_form
from api.pages.nonce import Nonces
from api.pages.ports import PageParts, Unsubscribing
from api.pages.refusals import page_route
from api.pages.rendering import Pages, see_other
from api.peers import peer_of
from domain.errors import BadInput, NotAllowed, ParleyError
from domain.outbox.marks import MARK, as_mark
from domain.outbox.wishes import Addressee
from domain.postage import MailWish

_READING = ["GET", "HEAD"]
_FIELD = "List-Unsubscribe"
_ONE_CLICK = "One-Click"
_UNKNOWN = (
    "This link opens nothing",
    "It may have been mistyped, cut off by a mail program, or withdrawn. The newest mail has the "
    "link that works.",
)


class UnsubscribePages:
    """`/u/{token}` and `/u/{token}/choices`."""

    def __init__(self, parts: PageParts, pages: Pages, wishes: Unsubscribing) -> None:
        self._parts = parts
        self._pages = pages
        self._wishes = wishes
        self._nonces = Nonces(parts.ports.secret)
        self._guesses = parts.ports.limits.guesses

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=page_route(self._pages))
        router.add_api_route("/u/{token}", self.show, methods=_READING)
        router.add_api_route("/u/{token}", self.one_click, methods=["POST"])
        router.add_api_route("/u/{token}/choices", self.show, methods=_READING)
        router.add_api_route("/u/{token}/choices", self.choose, methods=["POST"])
        return router

    async def show(self, request: Request, token: str) -> Response:
        """What mail comes now, and buttons for other wishes. Nothing is done yet."""
        found = await self._find(request, token)
        return self._unknown(request) if found is None else self._page(request, token, found)

    async def one_click(self, request: Request, token: str) -> Response:
        """No optional mail any more; a second time changes nothing."""
        found = await self._find(request, token)
        if found is None:
            return self._unknown(request)
        if not _is_one_click(request, await bounded_body(request)):
            return self._page(request, token, found, 400)
        await self._wishes.stop_optional(token, _mark(request), self._now())
        self._poke(found)
        return PlainTextResponse("You will get no more reminders.\n", headers=_PLAIN)

    async def choose(self, request: Request, token: str) -> Response:
        """What a button of the page says; then show the page."""
        found = await self._find(request, token)
        if found is None:
            return self._unknown(request)
        try:
            check_same_site(request, self._parts.base_url)
            fields = await read_form(request)
            nonce = self._nonces.read(fields.get("nonce", ""), token, self._now())
            wish = _wish(fields.get("wish", ""))
        except (NotAllowed, BadInput) as refusal:
            status = 403 if isinstance(refusal, NotAllowed) else 400
            return self._page(request, token, found, status, refusal)
        await self._wishes.say(token, wish, nonce.shown, self._now())
        self._poke(found)
        return see_other(f"/u/{token}/choices?done=1")

    def _poke(self, found: Addressee) -> None:
        if found.party:
            self._parts.ports.poke(found.stream)

    async def _find(self, request: Request, token: str) -> Addressee | None:
        """Whom `token` stands for. None as well for a peer that has guessed too often."""
        try:
            self._guesses.check(_guesser(request))
        except TooMany:
            return None
        if not token.isascii() or not token.isalnum() or len(token) > 64:
            return None
        return await self._wishes.find(token, self._now())

    def _page(
        self,
        request: Request,
        token: str,
        found: Addressee,
        status: int = 200,
        fault: ParleyError | None = None,
    ) -> Response:
        return self._pages.render(
            "unsubscribe.html",
            status,
            wish=found.wish.value,
            meets=found.party > 0,
            path=f"/u/{token}/choices",
            nonce=self._nonces.mint(token, _mark(request), self._now()),
            done=request.query_params.get("done") == "1",
            fault=fault,
        )

    def _unknown(self, request: Request) -> Response:
        try:
            self._guesses.take(_guesser(request))
        except TooMany as refusal:
            return self._pages.too_many(refusal)
        return self._pages.message(404, *_UNKNOWN)

    def _now(self) -> datetime:
        return self._parts.ports.clock()


_PLAIN = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}


def _guesser(request: Request) -> str:
    return f"page {peer_of(request)}"


def _mark(request: Request) -> str:
    return as_mark(request.query_params.get(MARK, ""))


def _wish(text: str) -> MailWish:
    if text not in set(MailWish):
        raise BadInput("Choose one of the buttons below.", field="wish")
    return MailWish(text)


def _is_one_click(request: Request, body: bytes) -> bool:
    """Whether the body says `List-Unsubscribe=One-Click`, in either of the two encodings that
    forms have (RFC 8058 §3.2 asks for multipart/form-data, and allows the other)."""
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    if header.get_content_type() == "multipart/form-data":
        boundary = str(header.get_param("boundary") or "").encode("latin-1", "replace")
        return bool(boundary) and any(_says_so(part) for part in body.split(b"--" + boundary)[1:])
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=60)
    except ValueError:
        return False
    return fields.get(_FIELD) == [_ONE_CLICK]


def _says_so(part: bytes) -> bool:
    head, _, value = part.replace(b"\r\n", b"\n").partition(b"\n\n")
    return f'name="{_FIELD}"'.encode() in head and value.strip() == _ONE_CLICK.encode()
