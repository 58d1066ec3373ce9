"""Who brings mail over HTTP: a sender of our own, Postmark, and Mailgun."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from adapters.db.database import Database
from tests.adapters.intake.letters import ANA, DOMAIN, MAIL, address, given_a_meeting
from tests.api.house import MAIL_DOMAIN, NOW, House, house_over

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
KEY = "mailgun-key"
OURS = address().replace(DOMAIN, MAIL_DOMAIN)


@asynccontextmanager
async def open_house(database: Database, place: Path, **more: Any) -> AsyncIterator[House]:
    """A house with a meeting, and every way in over HTTP open; its client has no API key."""
    await given_a_meeting(database)
    settings: dict[str, Any] = {
        "intake_webhook_secret": SECRET,
        "postmark_password": "pass word",
        "mailgun_signing_key": KEY,
        **more,
    }
    async with house_over(database, place, **settings) as house:
        house.client.headers.pop("Authorization")
        yield house


def named(raw: bytes, to: str) -> str:
    return hashlib.sha256(raw + to.encode()).hexdigest()


def signed(
    body: bytes, to: str = OURS, *, at: int = 0, secret: str = SECRET, id: str = ""
) -> dict[str, str]:
    """The envelope, and the headers of Standard Webhooks that sign it with the mail; without an
    `id` one of that content."""
    id = id or named(body, to)
    timestamp = str(int(NOW.timestamp()) + at)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{id}.{timestamp}.<{ANA}>\n{to}\n".encode() + body
    digest = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,bm9uZQ== v1,{digest}",
        "parley-mail-from": f"<{ANA}>",
        "parley-rcpt-to": to,
    }


async def send_raw(house: House, raw: bytes = MAIL, to: str = OURS, **more: Any) -> httpx.Response:
    headers = signed(raw, to, **more)
    return await house.client.post("/intake/raw", content=raw, headers=headers)


def basic(password: str = "pass word") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"postmark:{password}".encode()).decode()}


async def send_postmark(house: House, raw: bytes = MAIL, to: str = OURS) -> httpx.Response:
    body = {"FromFull": {"Email": ANA}, "OriginalRecipient": to, "RawEmail": raw.decode()}
    return await house.client.post("/intake/postmark", json=body, headers=basic())


def mailgun(at: int = 0, key: str = KEY, id: str = "token") -> dict[str, str]:
    timestamp = str(int(NOW.timestamp()) + at)
    digest = hmac.digest(key.encode(), f"{timestamp}{id}".encode(), hashlib.sha256).hex()
    return {"timestamp": timestamp, "token": id, "signature": digest}


async def send_mailgun(
    house: House, raw: bytes = MAIL, to: str = OURS, id: str = "", **more: Any
) -> httpx.Response:
    signature = mailgun(id=id or named(raw, to), **more)
    fields = {"recipient": to, "sender": ANA, "body-mime": raw, **signature}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await house.client.post(
        "/intake/mailgun/mime", content=urlencode(fields).encode(), headers=form
    )


WAYS = {"webhook": send_raw, "postmark": send_postmark, "mailgun": send_mailgun}
