"""What a mail provider says became of a message, beside what comes back by mail."""

from domain.outbox.model import DeliveryFate
from domain.values import Frozen, Instant


class ProviderEvent(Frozen):
    """One such event. `message_id` is the Message-ID with its brackets, or empty where the
    provider tells only its own name for the message (`provider_id`, which its reply to the mail
    carried). `status` is like 5.1.1, `detail` the provider's words."""

    provider: str
    message_id: str
    provider_id: str = ""
    recipient: str
    fate: DeliveryFate
    status: str | None = None
    detail: str = ""
    at: Instant
