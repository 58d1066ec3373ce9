"""Mails that integrators ask for, as tests ask for them."""

from typing import Any

from adapters.db.database import Database
from adapters.db.messages import SqlMessages
from domain.outbox.requests import Correspondent, MessageOrder, Words
from domain.outbox.views import MessageView
from tests.adapters.outbox_rows import NOON

SECRET = b"m" * 32
MAIL_DOMAIN = "parley.example"
BASE_URL = "https://parley.example"
WORDS = Words(subject="Your order", text="It is on its way.", html="<p>It is on its way.</p>")


def order(**changes: Any) -> MessageOrder:
    """A good order, with some members replaced."""
    plain: dict[str, Any] = {
        "owner": "main",
        "kind": "order.shipped",
        "subject": "order-4711",
        "occasion": "1",
        "recipient": Correspondent(address="ada@example.org", name="Ada"),
        "content": WORDS,
        "sender_name": "The Shop",
        "fingerprint": "as asked",
    }
    return MessageOrder(**(plain | changes))


def messages_of(database: Database) -> SqlMessages:
    return SqlMessages(database, SECRET, MAIL_DOMAIN, BASE_URL)


async def asked(database: Database, **changes: Any) -> MessageView:
    """The message of `order(**changes)`, asked for at noon."""
    message, _ = await messages_of(database).request(order(**changes), NOON, "key")
    return message
