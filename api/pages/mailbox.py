"""The mailbox of the embedded catcher: what each party received, and answers in its place.

For trying Parley out: there only while the catcher stands in for a mail relay. It shows
everybody's mail, links included, so it is open only to browsers on this machine, and elsewhere to
whoever is signed in with an `admin` key; and only under Parley's own name, so that no other site
can read it through a name of its own that points here.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.pages.guard import check_same_site, read_form
from api.pages.mailbox_view import mail_context
from api.pages.nonce import Nonces
from api.pages.picker import PickerFault, picked_from, slot_of
from api.pages.ports import Attendees, Mailbox, PageParts
from api.pages.rendering import POLICY, PRIVATE, Pages, see_other
from api.pages.sessions import Sessions, SignedOut, login_path
from api.pages.zones import suggested_zones
from api.peers import is_local, is_loopback
from domain.errors import BadInput, NotAllowed, NotFound, ParleyError, Refused
from domain.outbox.caught import OpenedMail
from domain.values import as_prose, as_zone, scrubbed

_READING = ["GET", "HEAD"]
_LONGEST_COMMENT = 2000
_PARTSTATS = {"accept": "ACCEPTED", "tentative": "TENTATIVE", "decline": "DECLINED"}

_FRAMING = POLICY + "; frame-src 'self'"
_FRAMED = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""A mail's HTML may colour itself and nothing else: no script, no fetch, no form, no origin."""

_HERE = "here"
"""What the forms of a browser on this machine are bound to, in place of a session."""

Handler = Callable[[Request, str], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class MailboxPages:
    """`/mailbox` and everything below it."""

    def __init__(
        self,
        parts: PageParts,
        pages: Pages,
        sessions: Sessions,
        mailbox: Mailbox,
        attendees: Attendees,
    ) -> None:
        self._parts = parts
        self._pages = pages
        self._sessions = sessions
        self._mailbox = mailbox
        self._attendees = attendees
        self._nonces = Nonces(parts.ports.secret)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        one = "/mailbox/{address}/{mail_id}"
        router.add_api_route("/mailbox", self._guarded(self.index), methods=_READING)
        router.add_api_route("/mailbox/{address}", self._guarded(self.inbox), methods=_READING)
        router.add_api_route(one, self._guarded(self.show), methods=_READING)
        router.add_api_route(f"{one}/html", self._guarded(self.html), methods=_READING)
        router.add_api_route(f"{one}/answer", self._guarded(self.answer), methods=["POST"])
        return router

    async def index(self, request: Request, visitor: str) -> Response:
        """Everybody who was written to."""
        addressees = await self._mailbox.addressees()
        return self._pages.render(
            "mailbox_index.html",
            addressees=[{**each.model_dump(), "path": _path(each.address)} for each in addressees],
        )

    async def inbox(self, request: Request, visitor: str) -> Response:
        """The mails of one address."""
        address = _address(request)
        return self._pages.render(
            "mailbox_inbox.html",
            address=address,
            path=_path(address),
            mails=await self._mailbox.mails(address),
            is_sent=request.query_params.get("sent") == "1",
        )

    async def show(self, request: Request, visitor: str) -> Response:
        """One mail, as a mail program would show it."""
        return await self._page(await self._open(request), visitor)

    async def html(self, request: Request, visitor: str) -> Response:
        """The HTML of a mail, for the frame on its page."""
        opened = await self._open(request)
        return HTMLResponse(opened.html, 200, {**PRIVATE, "Content-Security-Policy": _FRAMED})

    async def answer(self, request: Request, visitor: str) -> Response:
        """Answer the mail as somebody's mail program would, by SMTP."""
        check_same_site(request, self._parts.base_url)
        opened = await self._open(request)
        fields = await read_form(request)
        bound_to = _form(opened, visitor)
        self._nonces.read(fields.get("nonce", ""), bound_to, self._parts.ports.clock())
        try:
            await self._send(opened.mail.id, fields)
        except (BadInput, Refused) as fault:
            return await self._page(opened, visitor, fields, fault)
        return see_other(f"{_path(opened.mail.address)}?sent=1")

    async def _send(self, mail_id: int, fields: Mapping[str, str]) -> None:
        deed, program = fields.get("deed", ""), fields.get("program", "")
        comment = as_prose(fields.get("comment", ""))[:_LONGEST_COMMENT]
        if deed in _PARTSTATS:
            await self._attendees.answer(mail_id, program, _PARTSTATS[deed], comment)
        elif deed == "propose":
            slot = slot_of(picked_from(fields), as_zone(fields.get("zone", "").strip()))
            await self._attendees.propose(mail_id, program, slot, comment)
        elif deed == "write" and comment:
            await self._attendees.write(mail_id, comment)
        else:
            raise BadInput("Write a few words first.", field="comment")

    async def _page(
        self,
        opened: OpenedMail,
        visitor: str,
        fields: Mapping[str, str] | None = None,
        fault: ParleyError | None = None,
    ) -> Response:
        zone = await self._parts.parties.zone_of(opened.mail.address) or "UTC"
        context = mail_context(opened, zone, self._parts.base_url)
        if fields is not None:
            context["picked"] = picked_from(fields)
        if isinstance(fault, PickerFault):
            context["picked"] = fault.picked
        typed = fields or {}
        return self._pages.render(
            "mailbox_mail.html",
            200 if fault is None else 422,
            headers={"Content-Security-Policy": _FRAMING},
            **context,
            path=_path(opened.mail.address),
            programs=self._attendees.programs(),
            program=typed.get("program", ""),
            comment=scrubbed(typed.get("comment", ""), limit=_LONGEST_COMMENT),
            typed_zone=scrubbed(typed.get("zone", ""), limit=60) or zone,
            zones=suggested_zones(),
            nonce=self._nonces.mint(_form(opened, visitor), "-", self._parts.ports.clock()),
            fault=fault,
        )

    async def _open(self, request: Request) -> OpenedMail:
        mail_id = str(request.path_params["mail_id"])
        if not re.fullmatch(r"[0-9]{1,18}", mail_id, re.ASCII):
            raise NotFound("There is no such mail.")
        opened = await self._mailbox.open(int(mail_id))
        if opened.mail.address.casefold() != _address(request).casefold():
            raise NotFound("There is no such mail.")
        return opened

    def _guarded(self, handler: Handler) -> Endpoint:
        """`handler` with every refusal as a page, for those who may look and under our own name."""

        async def endpoint(request: Request) -> Response:
            try:
                _check_host(request, self._parts.base_url)
                return await handler(request, await self._visitor(request))
            except SignedOut as refusal:
                return see_other(login_path(refusal.back))
            except ParleyError as refusal:
                return self._pages.message(_status(refusal), "This was not done", str(refusal))

        return endpoint

    async def _visitor(self, request: Request) -> str:
        """What this visitor's forms are bound to. Raises `SignedOut` and `NotAllowed`.

        A proxy on this machine need not say for whom it asks: where Parley has a public address,
        coming from here proves nothing.
        """
        is_public = not is_loopback(urlsplit(self._parts.base_url).hostname)
        if is_local(request) and not is_public:
            return _HERE
        session = await self._sessions.current(request)
        session.principal.needs_installation()
        return session.id


def _form(opened: OpenedMail, visitor: str) -> str:
    return f"mailbox {opened.mail.id} {visitor}"


def _status(refusal: ParleyError) -> int:
    if isinstance(refusal, NotFound):
        return 404
    if isinstance(refusal, NotAllowed):
        return 403
    return 422 if isinstance(refusal, BadInput) else 503


def _check_host(request: Request, base_url: str) -> None:
    """Refuses a request that came under another name. Raises `NotAllowed`."""
    ours = {urlsplit(base_url).hostname, "localhost", "127.0.0.1", "::1"}
    if urlsplit(f"//{request.headers.get('host', '')}").hostname not in ours:
        raise NotAllowed("The mailbox answers only under Parley's own address.")


def _address(request: Request) -> str:
    return scrubbed(str(request.path_params["address"]), limit=320)


def _path(address: str) -> str:
    return f"/mailbox/{quote(address, safe='@')}"
