"""Mail in over HTTP, signed: generic, and as Postmark and Mailgun post it; and what they say
became of our own mail.

Durable, then 200; a fault of ours is a 503, and so is a mailbox that is full: they try again. A
repeated request gets the same answer, and its mail is one mail, by its message key.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from api.intake_bodies import (
    addresses_in,
    json_object,
    mailgun_event,
    mailgun_mail,
    postmark_envelope,
    postmark_event,
    postmark_mail,
)
from api.intake_forms import check_form, read_form
from api.mail_bodies import (
    LARGEST_MAIL,
    LARGEST_OF_MAILGUN,
    BrokenOff,
    MailBody,
    MailTooLarge,
    TooSlow,
)
from api.openapi import Responses, problem_responses
from api.peers import counted_peer, peer_of
from api.ports import Ports, PortsDep
from domain.errors import Unavailable, WrongKey
from domain.inbox.acceptance import Envelope, Outcome, Source, Way, worst
from domain.inbox.repetition import SignedRequest, signed_request
from domain.inbox.signing import (
    check_basic,
    check_mailgun,
    check_standard,
    check_standard_head,
    with_envelope,
)
from domain.outbox.provider import ProviderEvent
from domain.values import scrubbed

router = APIRouter(prefix="/intake", tags=["intake"])

POSTMARK_USER = "postmark"

MAIL_PATHS = frozenset(f"/intake/{way}" for way in ("raw", "postmark", "mailgun", "mailgun/mime"))
"""Where whole mails come in, whose bodies are read here and not before."""

_TAKEN: Responses = {
    200: {"description": "Durably kept; what became of it for each recipient"},
    **problem_responses(401, 406, 408, 409, 413, 422, 429, 503),
}
_HEARD: Responses = {
    200: {"description": "Noted, or of a kind that says nothing about delivery"},
    **problem_responses(401, 406, 409, 413, 422, 429, 503),
}
T = TypeVar("T")
_Text = Annotated[str, Header(max_length=4000)]


@router.post("/raw", summary="Take a mail in", responses=_TAKEN)
async def take_raw(
    request: Request,
    ports: PortsDep,
    webhook_id: _Text = "",
    webhook_timestamp: _Text = "",
    webhook_signature: _Text = "",
    parley_mail_from: _Text = "",
    parley_rcpt_to: _Text = "",
) -> Response:
    """The body is the mail, byte for byte. `Parley-Rcpt-To` names whom it is for, with commas
    between several, `Parley-Mail-From` the envelope sender (empty for a bounce). Signed by the
    Standard Webhooks scheme with `PARLEY_INTAKE_WEBHOOK_SECRET`; the payload is `Parley-Mail-From`
    and `Parley-Rcpt-To` as they are sent, a line (LF) each, and then the mail."""

    def check_head() -> str:
        secret = _set(ports.settings.intake_webhook_secret, "PARLEY_INTAKE_WEBHOOK_SECRET")
        check_standard_head(webhook_id, webhook_timestamp, webhook_signature, ports.clock())
        return secret

    secret = _checked(request, ports, check_head)
    sender = scrubbed(parley_mail_from, limit=320).strip("<> ")
    envelope = Envelope(mail_from=sender, recipients=addresses_in(parley_rcpt_to))
    async with _body_of_anybody(request, ports) as body:
        payload = with_envelope(parley_mail_from, parley_rcpt_to, body)
        named = (webhook_id, webhook_timestamp, webhook_signature)
        check = partial(check_standard, secret, *named, payload, ports.clock())
        until = _checked(request, ports, check)
        signed = signed_request(Way.WEBHOOK, webhook_id, until, payload)
        return await _take(ports, body, envelope, Way.WEBHOOK, signed)


@router.post("/postmark", summary="Take a mail in from Postmark", responses=_TAKEN)
async def take_postmark(request: Request, ports: PortsDep, authorization: _Text = "") -> Response:
    """The inbound webhook of Postmark, with the raw email content included. Of more than 16 MB
    only the beginning is kept, for an operator: refused, it would only come again."""
    _check_postmark(request, ports, authorization)
    _take_one_more(counted_peer(request), ports)
    body = MailBody(request, ports.limits.large_mails_of_known, None, LARGEST_MAIL)
    try:
        async with body.whole() as octets:
            raw, envelope = postmark_mail(json_object(octets))
            return await _take(ports, raw, envelope, Way.POSTMARK)
    except MailTooLarge:
        pass  # and go on without the fault, whose frames hold what was read
    beginning = await body.beginning()
    return await _take(ports, beginning, postmark_envelope(beginning), Way.POSTMARK)


@router.post("/postmark/events", summary="Hear from Postmark", responses=_HEARD)
async def hear_postmark(request: Request, ports: PortsDep, authorization: _Text = "") -> Response:
    """Delivery, Bounce and SpamComplaint; other kinds are answered and ignored."""
    _check_postmark(request, ports, authorization)
    return await _hear(ports, postmark_event(json_object(await request.body()), ports.clock()))


@router.post("/mailgun", summary="Take a mail in from Mailgun", responses=_TAKEN)
@router.post("/mailgun/mime", include_in_schema=False)
async def take_mailgun(request: Request, ports: PortsDep, content_type: _Text = "") -> Response:
    """A route of Mailgun to `/intake/mailgun/mime`: its posts then carry the mail as it came. A
    signature that is too old is a 406, after which Mailgun stops."""
    _checked(request, ports, lambda: _mailgun_key(ports))
    check_form(content_type)
    async with _body_of_anybody(request, ports, LARGEST_OF_MAILGUN) as body:
        form = read_form(content_type, body)
        named = [form.text(name) for name in ("timestamp", "token", "signature")]
        until = _check_mailgun(request, ports, named)
        raw, envelope = await asyncio.to_thread(mailgun_mail, form)  # seconds, for some mails
        said = envelope.model_dump_json().encode()
        signed = signed_request(Way.MAILGUN, named[1], until, b"mail", said, raw)
        return await _take(ports, raw, envelope, Way.MAILGUN, signed)


@router.post("/mailgun/events", summary="Hear from Mailgun", responses=_HEARD)
async def hear_mailgun(request: Request, ports: PortsDep) -> Response:
    """`delivered`, `failed` and `complained`; other kinds are answered and ignored."""
    document = json_object(await request.body())
    signature = document.get("signature")
    fields = signature if isinstance(signature, dict) else {}
    named = [str(fields.get(name, "")) for name in ("timestamp", "token", "signature")]
    until = _check_mailgun(request, ports, named)
    event = mailgun_event(document, ports.clock())
    said = b"" if event is None else event.model_dump_json(exclude={"at"}).encode()
    signed = signed_request(Way.MAILGUN, named[1], until, b"event", said)
    return await _hear(ports, event, signed)


def _check_postmark(request: Request, ports: Ports, authorization: str) -> None:
    def check() -> None:
        password = _set(ports.settings.postmark_password, "PARLEY_POSTMARK_PASSWORD")
        check_basic(POSTMARK_USER, password, authorization)

    _checked(request, ports, check)


def _check_mailgun(request: Request, ports: Ports, named: Sequence[str]) -> datetime:
    """When the signature will be too old."""
    timestamp, token, signature = named

    def check() -> datetime:
        return check_mailgun(_mailgun_key(ports), timestamp, token, signature, ports.clock())

    return _checked(request, ports, check)


def _mailgun_key(ports: Ports) -> str:
    return _set(ports.settings.mailgun_signing_key, "PARLEY_MAILGUN_SIGNING_KEY")


def _set(secret: str, name: str) -> str:
    """Raises `WrongKey`, which senders try again after: what waits is not lost meanwhile."""
    if not secret:
        raise WrongKey(f"This way in is not set up here: {name} is empty.")
    return secret


def _checked(request: Request, ports: Ports, check: Callable[[], T]) -> T:
    """What `check` gives. Raises what it does, and `TooMany` for a peer that has guessed too
    often."""
    ports.limits.guesses.check(_guesser(request))
    try:
        return check()
    except WrongKey:
        ports.limits.guesses.take(_guesser(request))
        raise


def _guesser(request: Request) -> str:
    return f"intake {peer_of(request)}"


@asynccontextmanager
async def _body_of_anybody(
    request: Request, ports: Ports, most: int = LARGEST_MAIL
) -> AsyncIterator[bytes]:
    """The body of a sender who only shows with it that it knows the secret, so that one that does
    not come is a wrong guess too. Raises `TooMany` and what `MailBody.whole` does."""
    peer = counted_peer(request)
    _take_one_more(peer, ports)
    try:
        async with MailBody(request, ports.limits.large_mails, peer, most).whole() as body:
            yield body
    except (TooSlow, BrokenOff):
        ports.limits.guesses.take(_guesser(request))
        raise


def _take_one_more(peer: str | None, ports: Ports) -> None:
    """Raises `TooMany` for a peer that has brought all the mails it may."""
    if ports.limits.mails is not None and peer is not None:
        ports.limits.mails.take(peer)


async def _take(
    ports: Ports, raw: bytes, envelope: Envelope, way: Way, signed: SignedRequest | None = None
) -> Response:
    outcomes = await ports.reception.accept(raw, envelope, Source(way=way, signed=signed))
    if any(one.waits_for_somebody for one in outcomes):
        raise Unavailable(
            "Quarantine holds as much of such mail as it may: an operator must replay or discard "
            "some of it. Try again later; what was taken is not taken twice."
        )
    if worst(outcomes).must_come_again:
        raise Unavailable("Too much has come to this mailbox; try again later.")
    return JSONResponse({"outcomes": [_shown(one) for one in outcomes]})


def _shown(outcome: Outcome) -> dict[str, str]:
    return outcome.model_dump(mode="json")


async def _hear(
    ports: Ports, event: ProviderEvent | None, signed: SignedRequest | None = None
) -> Response:
    return JSONResponse({"known": await ports.provider_events.take(event, signed)})
