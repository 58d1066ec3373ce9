"""What is asked of messages: one of an integrator's own, and what a person does about any."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.commands import Asked, AskedDep, submission
from api.errors import offer_way_out
from api.examples import MESSAGE_EXAMPLE
from api.hypermedia import Document, answer
from api.message_bodies import DeedBody, MessageBody
from api.message_documents import message_document, message_href, preview_document, reader_of
from api.monitor import command_href
from api.names import MessageId
from api.openapi import Responses, document_responses
from api.ports import Ports, PortsDep
from api.security import MessagesWriter
from domain.access import Principal
from domain.outbox.digests import digest_key
from domain.outbox.requests import (
    MessageDiffers,
    MessageOrder,
    check_message,
    check_message_times,
)
from domain.outbox.transitions import TRANSITIONS, Deed
from domain.outbox.views import MessageView

router = APIRouter(tags=["messages"])

DryRun = Annotated[bool, Query(description="Only check, and show the mail that would be sent.")]

_ASKED: Responses = {
    **document_responses("It was asked for before, or `dry_run=1`", MESSAGE_EXAMPLE),
    **document_responses(
        "The message", MESSAGE_EXAMPLE, 400, 401, 403, 406, 409, 413, 422, status=201
    ),
}
_DONE: Responses = document_responses(
    "The message as it now is", MESSAGE_EXAMPLE, 400, 401, 403, 404, 406, 409, 413, 415, 422
)
_RESENT: Responses = {
    **document_responses("The new message", MESSAGE_EXAMPLE, status=201),
    **_DONE,
}


@router.post("/messages", status_code=201, summary="Send a mail of your own", responses=_ASKED)
async def request_message(
    body: MessageBody,
    request: Request,
    ports: PortsDep,
    caller: MessagesWriter,
    dry_run: DryRun = False,
) -> Response:
    """One mail to one recipient, durable when it is answered, and sent once.

    `kind`, `subject`, `occasion` and `recipient.address` name it for ever: however many ask, at
    once or a year later, there is one message, and all get the same resource (201, then 200). The
    same name with other content is `409 message-differs` with a link to the one there is. So no
    `Idempotency-Key` is needed. A mail on purpose once more is another `occasion`.

    With `dry_run=1` everything is checked, and the answer (200) shows the mail; nothing is kept.
    """
    offer_way_out(request, "collection", "/messages")
    order = body.order(caller.owner, ports.settings.organizer_name)
    check_message(order, ports.settings.mail_domain)
    if dry_run:
        return answer(request, await _preview(ports, order))
    try:
        message, is_new = await _asked(ports, order, caller)
    except MessageDiffers as refusal:
        offer_way_out(request, "related", message_href(refusal.present))
        raise
    headers = {"Location": message_href(message.id)}
    if not is_new:
        headers["Idempotency-Replayed"] = "true"
    document = message_document(message, reader_of(caller, ports.settings))
    return answer(request, document, 201 if is_new else 200, headers)


async def _asked(ports: Ports, order: MessageOrder, caller: Principal) -> tuple[MessageView, bool]:
    """A repetition is answered as such even when its times have passed meanwhile."""
    earlier = await ports.messages.earlier(order)
    if earlier is not None:
        return earlier, False
    now = ports.clock()
    check_message_times(order, now)
    return await ports.messages.request(order, now, caller.key_id)


async def _preview(ports: Ports, order: MessageOrder) -> Document:
    now = ports.clock()
    check_message_times(order, now)
    draft = ports.messages.compose(order, now)
    key = digest_key(order, now)
    suppressed = await ports.suppressions.list_of(order.owner, now, address=draft.recipient)
    return preview_document(draft, order.send_at if key is None else key.until, suppressed)


Endpoint = Callable[..., Awaitable[Response]]


def _endpoint(deed: Deed) -> Endpoint:
    """The endpoint of one deed; they differ in nothing else."""

    async def carry_out(
        message_id: MessageId,
        request: Request,
        asking: AskedDep,
        ports: PortsDep,
        caller: MessagesWriter,
        body: DeedBody | None = None,
    ) -> Response:
        return await _act(request, ports, caller, asking, message_id, deed)

    return carry_out


async def _act(
    request: Request, ports: Ports, caller: Principal, asking: Asked, message: int, deed: Deed
) -> Response:
    offer_way_out(request, "up", message_href(message))
    intent = submission(ports, request, caller.owner, asking, f"message.{deed}", {})
    command, replayed = await ports.messages.act(intent, message, deed, caller.key_id)
    led_to = int(command.stream.partition("/")[2])
    shown = await ports.messages.get(caller.owner, led_to)
    document = message_document(shown, reader_of(caller, ports.settings))
    document.link("status", command_href(command.id))
    headers = {"Location": message_href(led_to)}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return answer(request, document, 201 if led_to != message else 200, headers)


_MEANINGS = {
    Deed.HOLD: "It waits until somebody releases it.",
    Deed.RELEASE: (
        "Sends now what is held, but for a recipient who has had as much mail in a day as allowed. "
        "Of an uncertain message the same bytes go out once more: it may then arrive twice."
    ),
    Deed.RETRY_NOW: "Tries now what would be tried later.",
    Deed.CONFIRM: "Somebody knows that an uncertain message arrived: it counts as sent.",
    Deed.DROP: (
        "It is not sent any more. What is being sent at this moment cannot be dropped (409)."
    ),
    Deed.RESEND: (
        "A new message with the same words, another Message-ID and Date, under the occasion "
        "`…/again/1` and so on. 201 with its `Location`."
    ),
}


def _add_deeds() -> None:
    titles = {row.deed: row.title for row in reversed(TRANSITIONS)}
    for deed in Deed:
        router.add_api_route(
            f"/messages/{{message_id}}/{deed}",
            _endpoint(deed),
            methods=["POST"],
            name=f"{deed.replace('-', '_')}_message",
            summary=titles[deed],
            description=_MEANINGS[deed],
            responses=_RESENT if deed is Deed.RESEND else _DONE,
        )


_add_deeds()
