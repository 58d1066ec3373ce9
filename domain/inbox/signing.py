"""Whether a mail or an event that came over HTTP was sent by whom it says: by Standard Webhooks,
by Mailgun's signature, or by a password.

The signatures are of the delivery, not of who wrote the mail. A wrong one may be a fault of ours
in the settings, so it is refused in a way that is tried again; an old one never gets better.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from domain.errors import BadInput, Refused, WrongKey

STANDARD_WITHIN = timedelta(minutes=5)
"""How far a timestamp may be from our clock. Source: Standard Webhooks 1.0.0, "Verifying"."""

MAILGUN_WITHIN = timedelta(hours=12)
"""As above; longer than Mailgun's retries go on (8 hours), since those may carry the first
signature."""

_SECRET = "whsec_"
_MALFORMED = "The signature is not there, or is not one of ours; look at the secret in both places."


class StaleSignature(Refused):
    """Rightly signed, too long ago: it may have been overheard and repeated."""

    code = "stale-signature"

    def __init__(self) -> None:
        super().__init__("The signature is too old, or your clock and ours differ.")


def with_envelope(mail_from: str, rcpt_to: str, mail: bytes) -> bytes:
    """What is signed of a mail: both headers of its envelope as they were sent, a line each, then
    the mail. Without them whoever overhears a request could address it anew.

    Raises `BadInput` for a line break in one, which would let it be read as the next.
    """
    if "\n" in mail_from + rcpt_to:
        raise BadInput("An address has a line break.")
    return f"{mail_from}\n{rcpt_to}\n".encode("latin-1", "replace") + mail


def check_standard_head(id: str, timestamp: str, signatures: str, now: datetime) -> datetime:
    """What can be told of a request before its body is read, and when its signature, if it is
    right, will be too old.

    Raises `WrongKey`, `StaleSignature`, and `BadInput` for an id with a full stop: what is signed
    could be taken apart in another place.
    """
    if "." in id:
        raise BadInput("A webhook-id has no full stop.", field="webhook-id")
    if not id or not _given(signatures):
        raise WrongKey(_MALFORMED)
    return _fresh_until(timestamp, now, STANDARD_WITHIN)


def check_standard(
    secret: str, id: str, timestamp: str, signatures: str, payload: bytes, now: datetime
) -> datetime:
    """When the signature will be too old. Raises `WrongKey` and what `check_standard_head` does.
    Source: Standard Webhooks 1.0.0, "Signature scheme"."""
    until = check_standard_head(id, timestamp, signatures, now)
    key = _decoded(secret.removeprefix(_SECRET)) or secret.encode()
    signed = b".".join((id.encode(), timestamp.encode(), payload))
    right = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    if not any(hmac.compare_digest(right, one) for one in _given(signatures)):
        raise WrongKey(_MALFORMED)
    return until


def _given(signatures: str) -> list[bytes]:
    return [one[3:].encode() for one in signatures.split() if one.startswith("v1,")]


def check_mailgun(key: str, timestamp: str, token: str, signature: str, now: datetime) -> datetime:
    """When the signature will be too old. It covers the delivery alone, not what is in it: until
    then its token must not serve for anything else. Raises `WrongKey`, `StaleSignature`. Source:
    Mailgun, "Securing Webhooks"."""
    # JSON may hold halves of surrogate pairs, which no UTF-8 has.
    signed, given = (
        text.encode("utf-8", "replace") for text in (f"{timestamp}{token}", signature.lower())
    )
    right = hmac.digest(key.encode(), signed, hashlib.sha256).hex()
    if not token or not hmac.compare_digest(right.encode(), given):
        raise WrongKey(_MALFORMED)
    return _fresh_until(timestamp, now, MAILGUN_WITHIN)


def check_basic(user: str, password: str, authorization: str) -> None:
    """Raises `WrongKey` unless the header is HTTP Basic with this user and password (RFC 7617)."""
    scheme, _, given = authorization.partition(" ")
    right = f"{user}:{password}".encode()
    is_right = hmac.compare_digest(right, _decoded(given.strip()) or b"")
    if scheme.lower() != "basic" or not is_right:
        raise WrongKey(f"This needs HTTP Basic with the user {user!r} and the password set for it.")


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def _fresh_until(timestamp: str, now: datetime, within: timedelta) -> datetime:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise WrongKey(_MALFORMED)
    signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    if abs(now - signed_at) > within:
        raise StaleSignature
    return signed_at + within
