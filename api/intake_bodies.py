"""What Postmark and Mailgun post, as mails with envelopes and as events about our own mail.

Of what they send only this is read; the rest changes without notice. Raises `BadInput` for what
is not theirs.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.intake_forms import MailForm
from domain.errors import BadInput
from domain.inbox.acceptance import Envelope
from domain.outbox.model import DeliveryFate
from domain.outbox.provider import ProviderEvent
from domain.values import scrubbed

MOST_RECIPIENTS = 100

_ADDRESS = 320


def json_object(body: bytes) -> dict[str, Any]:
    """Raises `BadInput` for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadInput("The body is not a JSON object.")
    return document


def addresses_in(text: str) -> tuple[str, ...]:
    """Bare addresses with commas between them. Raises `BadInput` for too many: those left out
    would never be heard of."""
    found = [scrubbed(one, limit=_ADDRESS).strip("<> ") for one in text.split(",")]
    addresses = tuple(one for one in found if one)
    if len(addresses) > MOST_RECIPIENTS:
        raise BadInput(f"A mail has at most {MOST_RECIPIENTS} recipients here; send it in parts.")
    return addresses


def postmark_mail(document: Mapping[str, Any]) -> tuple[bytes, Envelope]:
    """The raw mail and its envelope. Source: Postmark, "Inbound webhook"."""
    raw = document.get("RawEmail")
    if not isinstance(raw, str) or not raw:
        raise BadInput(
            "There is no RawEmail; include the raw email content in the settings of the "
            "inbound stream.",
            field="RawEmail",
        )
    sender = _text(_object(document.get("FromFull")).get("Email")) or _text(document.get("From"))
    recipients = addresses_in(_text(document.get("OriginalRecipient")))
    return raw.encode("utf-8", "replace"), Envelope(mail_from=sender, recipients=recipients)


def postmark_envelope(beginning: bytes) -> Envelope:
    """The envelope as far as the beginning of a body tells it."""
    recipients = addresses_in(_member(beginning, b"OriginalRecipient"))
    sender = _member(beginning, b"From")
    return Envelope(mail_from=sender, recipients=recipients, holds_all=False)


def _member(beginning: bytes, name: bytes) -> str:
    """A text of a JSON object that breaks off. Inside of a text every quote has a backslash."""
    found = re.search(rb'(?<!\\)"%b"\s*:\s*("(?:[^"\\]|\\.)*")' % name, beginning)
    try:
        return _text(json.loads(found[1])) if found else ""
    except ValueError:
        return ""


def mailgun_mail(form: MailForm) -> tuple[bytes, Envelope]:
    """The raw mail and its envelope. Source: Mailgun, "Receive, forward and store messages"."""
    raw = form.octets("body-mime")
    if not raw:
        raise BadInput(
            "There is no body-mime; let the address of the route end in `mime`.", field="body-mime"
        )
    recipients = addresses_in(form.text("recipient"))
    return raw, Envelope(mail_from=form.text("sender"), recipients=recipients)


def postmark_event(document: Mapping[str, Any], now: datetime) -> ProviderEvent | None:
    """None for kinds that say nothing about delivery. Source: Postmark, "Webhooks overview"."""
    match _text(document.get("RecordType")):
        case "Delivery":
            fate, at = DeliveryFate.DELIVERED, document.get("DeliveredAt")
        case "Bounce":
            fate, at = _postmark_bounce(document), document.get("BouncedAt")
        case "SpamComplaint":
            fate, at = DeliveryFate.COMPLAINED, document.get("BouncedAt")
        case _:
            return None
    named = _text(_object(document.get("Metadata")).get("message-id"))
    return ProviderEvent(
        provider="postmark",
        message_id=_bracketed(named),
        provider_id=_text(document.get("MessageID")),
        recipient=_text(document.get("Recipient")) or _text(document.get("Email")),
        fate=fate,
        detail=_text(document.get("Details")) or _text(document.get("Description")),
        at=_instant(at, now),
    )


def _postmark_bounce(document: Mapping[str, Any]) -> DeliveryFate:
    """Of its bounces only some mean that the address is dead."""
    final = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated", "Blocked", "DMARCPolicy"}
    is_final = _text(document.get("Type")) in final
    return DeliveryFate.BOUNCED if is_final else DeliveryFate.DELAYED


def mailgun_event(document: Mapping[str, Any], now: datetime) -> ProviderEvent | None:
    """None for kinds that say nothing about delivery. Source: Mailgun, "Tracking messages"."""
    data = _object(document.get("event-data"))
    fate = _mailgun_fate(_text(data.get("event")), _text(data.get("severity")))
    if fate is None:
        return None
    status = _object(data.get("delivery-status"))
    headers = _object(_object(data.get("message")).get("headers"))
    return ProviderEvent(
        provider="mailgun",
        message_id=_bracketed(_text(headers.get("message-id"))),
        provider_id=_text(data.get("id")),
        recipient=_text(data.get("recipient")),
        fate=fate,
        status=_text(status.get("enhanced-code")) or None,
        detail=_text(status.get("message")) or _text(status.get("description")),
        at=_instant(data.get("timestamp"), now),
    )


def _mailgun_fate(event: str, severity: str) -> DeliveryFate | None:
    match event, severity:
        case "delivered", _:
            return DeliveryFate.DELIVERED
        case "failed", "permanent":
            return DeliveryFate.BOUNCED
        case "failed", _:
            return DeliveryFate.DELAYED
        case "complained", _:
            return DeliveryFate.COMPLAINED
        case _:
            return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return scrubbed(value, limit=1000) if isinstance(value, str) else ""


def _bracketed(message_id: str) -> str:
    return f"<{message_id.strip('<>')}>" if message_id else ""


def _instant(value: Any, now: datetime) -> datetime:
    """The instant that is named, if it makes sense, else `now`: it is only shown."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            named = at if at.tzinfo else at.replace(tzinfo=UTC)
        else:
            named = datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return now
    return named.astimezone(UTC) if 1970 < named.year < 2100 else now
