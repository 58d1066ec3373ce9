"""Bodies of `POST /messages`."""

import base64
from typing import Any

ADA = {"name": "Ada Moreira", "address": "ada@example.org", "zone": "Europe/Lisbon"}
TEMPLATE = {
    "subject": "Order {{ number }}",
    "text": "Hello {{ name }}, it is on its way.",
    "html": "<p>Hello <b>{{ name }}</b></p>",
    "variables": {"name": "Ada & Co", "number": 4711},
}
MIME = b"Subject: Invoice\r\nContent-Type: text/plain\r\n\r\nhello\r\n"


def mail(**changes: Any) -> dict[str, Any]:
    """A good body, with some members replaced."""
    return {
        "kind": "order.shipped",
        "subject": "order-4711",
        "recipient": ADA,
        "template": TEMPLATE,
        **changes,
    }


def ready(raw: bytes = MIME, **changes: Any) -> dict[str, Any]:
    """A good body with a whole mail."""
    body = mail(mime=base64.b64encode(raw).decode(), **changes)
    del body["template"]
    return body
