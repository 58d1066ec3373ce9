"""Form nonces: proof that a POST comes from a page we served, and what that page showed.

A nonce is minted by the GET that shows a form. It is signed, so nobody else can make one; it is
bound to the page's capability or session, so it serves nowhere else; and its id becomes the key
of the input row, so a double click is one input.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from domain.errors import NotAllowed
from domain.values import Frozen

_SALT = b"parley page form"
_LASTS_FOR = timedelta(days=2)


class Nonce(Frozen):
    """A nonce that was read: its unguessable id, and what its page showed."""

    id: str
    shown: str


class NonceRefused(NotAllowed):
    """No nonce, one that was tampered with, one of another page, or one that is too old."""

    code = "form-refused"


class Nonces:
    """Mints and reads nonces under one secret. They hold for two days."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.new(secret, _SALT, hashlib.sha256).digest()

    def mint(self, bound_to: str, shown: str, now: datetime) -> str:
        """A fresh nonce for a form on the page of `bound_to`. `shown` holds no dots."""
        claim = f"{secrets.token_urlsafe(12)}.{int(now.timestamp())}.{shown}"
        return f"{claim}.{self._sign(bound_to, claim)}"

    def read(self, text: str, bound_to: str, now: datetime) -> Nonce:
        """The nonce in `text`. Raises `NonceRefused`."""
        claim, _, signature = text.rpartition(".")
        expected = self._sign(bound_to, claim)
        if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
            raise NonceRefused("This form was not served by this page; use the form below.")
        identity, minted_at, shown = claim.split(".", 2)
        if now.timestamp() - int(minted_at) > _LASTS_FOR.total_seconds():
            raise NonceRefused("This form had been open for too long; use the one below.")
        return Nonce(id=identity, shown=shown)

    def _sign(self, bound_to: str, claim: str) -> str:
        message = f"{bound_to}\n{claim}".encode(errors="replace")
        digest = hmac.new(self._key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
