"""The participant's page behind its capability link: read, answer, propose, call off.

GET and HEAD show and never act, however often a link scanner fetches them. A POST needs the
nonce that a GET of the same page minted, becomes one input row, and sends the browser back to
the page, which tells what came of it.
"""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.limits import TooMany
from api.pages.guard import check_same_site, read_form
from api.pages.nonce import Nonce, Nonces
from api.pages.party_view import Asked, asked_by, page_context
from api.pages.picker import PickerFault, picked_from, slot_of
from api.pages.ports import PageParts
from api.pages.refusals import page_route
from api.pages.rendering import Pages, see_other
from api.peers import peer_of
from domain.errors import BadInput, LimitReached, NotAllowed, ParleyError
from domain.meetings.choices import Seen, check_proposal, input_of, proposal_of, seen_by
from domain.meetings.messages import MeetingInput
from domain.meetings.pages import PartyPage, Saying
from domain.meetings.rules import fold
from domain.meetings.transitions import PARTYS_DEEDS, Deed
from domain.outbox.marks import MARK, as_mark
from domain.values import as_prose, scrubbed

_COMMENT_LIMIT = 2000
_READING = ["GET", "HEAD"]

_UNKNOWN = (
    "This link does not open a meeting",
    "It may have been mistyped, cut off by a mail program, or withdrawn. The newest mail about "
    "the meeting has the link that works.",
)


class ParticipantPages:
    """One party's page and its forms."""

    def __init__(self, parts: PageParts, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages
        self._nonces = Nonces(parts.ports.secret)
        self._guesses = parts.ports.limits.guesses

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, route_class=page_route(self._pages))
        router.add_api_route("/p/{token}", self.show, methods=_READING)
        router.add_api_route("/p/{token}/{deed}", self.show_form, methods=_READING)
        router.add_api_route("/p/{token}/{deed}", self.post, methods=["POST"])
        return router

    async def show(self, request: Request, token: str) -> Response:
        """The whole page."""
        view = await self._find(request, token)
        if view is None:
            return self._unknown(request)
        return self._page(request, token, view)

    async def show_form(self, request: Request, token: str, deed: str) -> Response:
        """The page with one form only: where the links in mails lead. Nothing is done yet."""
        view = await self._find(request, token)
        if view is None or deed not in PARTYS_DEEDS:
            return self._unknown(request)
        return self._page(request, token, view, Asked(only=Deed(deed)))

    async def post(self, request: Request, token: str, deed: str) -> Response:
        """Accept what the party chose as an input; then show the page."""
        view = await self._find(request, token)
        if view is None or deed not in PARTYS_DEEDS:
            return self._unknown(request)
        try:
            check_same_site(request, self._parts.base_url)
            fields = await read_form(request)
            nonce = self._nonces.read(fields.get("nonce", ""), token, self._now())
        except (NotAllowed, BadInput) as refusal:
            status = 403 if isinstance(refusal, NotAllowed) else 400
            return self._page(request, token, view, status=status, fault=refusal)
        try:
            return await self._take(token, view, Deed(deed), nonce, fields)
        except LimitReached as refusal:
            return self._too_much(refusal)
        except BadInput as fault:
            return self._ask_again(request, token, view, Deed(deed), fields, fault)

    async def _take(
        self,
        token: str,
        view: PartyPage,
        deed: Deed,
        nonce: Nonce,
        fields: Mapping[str, str],
    ) -> Response:
        body = self._body(view, deed, _seen(nonce), fields)
        noted = await self._parts.parties.note(
            Saying(
                stream=view.stream,
                party=view.party,
                key=f"page:{view.party}:{nonce.id}",
                body=body,
                comment=_comment(fields),
                at=self._now(),
                mark=_mark(nonce),
            )
        )
        if not noted.is_same:
            return see_other(f"/p/{token}?notice=used")
        self._parts.ports.poke(view.stream)
        return see_other(f"/p/{token}?noted={noted.id}")

    def _body(
        self, view: PartyPage, deed: Deed, seen: Seen, fields: Mapping[str, str]
    ) -> MeetingInput:
        """The input a form means. Raises `BadTimes` for a time that cannot be proposed."""
        if deed is not Deed.PROPOSE:
            return input_of(deed, view.party, seen)
        slot = slot_of(picked_from(fields), view.card.party(view.party).zone)
        check_proposal(fold(view.events), slot, self._now())
        declines = fields.get("declines") == "yes"
        return proposal_of(view.party, seen, slot, declines_present=declines)

    async def _find(self, request: Request, token: str) -> PartyPage | None:
        """The page that `token` opens. None as well for a peer that has guessed too often."""
        try:
            self._guesses.check(_guesser(request))
        except TooMany:
            return None
        if not token.isascii() or not token.isalnum() or len(token) > 64:
            return None
        return await self._parts.parties.find(token)

    def _page(
        self,
        request: Request,
        token: str,
        view: PartyPage,
        asked: Asked | None = None,
        status: int = 200,
        fault: ParleyError | None = None,
    ) -> Response:
        now = self._now()
        state = fold(view.events)
        seen = seen_by(state)
        return self._pages.render(
            "participant.html",
            status,
            **page_context(view, state, now, asked or asked_by(request.query_params)),
            path=f"/p/{token}",
            nonce=self._nonces.mint(token, _shown(seen, request), now),
            fault=fault,
        )

    def _ask_again(
        self,
        request: Request,
        token: str,
        view: PartyPage,
        deed: Deed,
        fields: Mapping[str, str],
        fault: BadInput,
    ) -> Response:
        """The form as it was filled in, with what is wrong with it."""
        picked = fault.picked if isinstance(fault, PickerFault) else picked_from(fields)
        asked = Asked(
            only=deed,
            picked=picked if deed is Deed.PROPOSE else None,
            comment=scrubbed(fields.get("comment", ""), limit=_COMMENT_LIMIT),
            declines=fields.get("declines") == "yes",
        )
        return self._page(request, token, view, asked, 422, fault)

    def _unknown(self, request: Request) -> Response:
        try:
            self._guesses.take(_guesser(request))
        except TooMany as refusal:
            return self._pages.too_many(refusal)
        return self._pages.message(404, *_UNKNOWN)

    def _too_much(self, refusal: LimitReached) -> Response:
        return self._pages.render(
            "message.html",
            429,
            headers={"Retry-After": "3600"},
            title="That is enough for today",
            text=str(refusal),
        )

    def _now(self) -> datetime:
        return self._parts.ports.clock()


def _guesser(request: Request) -> str:
    return f"page {peer_of(request)}"


def _shown(seen: Seen, request: Request) -> str:
    """What a form's nonce remembers: what the page showed, and the mark of the mail whose link led
    there. A link alone proves nothing, as scanners follow them; a choice made behind it does."""
    return f"{seen.sequence}:{seen.proposal}:{as_mark(request.query_params.get(MARK, ''))}"


def _seen(nonce: Nonce) -> Seen:
    sequence, proposal = nonce.shown.split(":")[:2]
    return Seen(sequence=int(sequence), proposal=int(proposal))


def _mark(nonce: Nonce) -> str:
    """'' too for forms that a release without marks had served."""
    return "".join(nonce.shown.split(":")[2:3])


def _comment(fields: Mapping[str, str]) -> str:
    comment = as_prose(fields.get("comment", ""))
    if len(comment) > _COMMENT_LIMIT:
        raise BadInput(
            f"The comment is too long; {_COMMENT_LIMIT} characters are enough.", field="comment"
        )
    return comment
