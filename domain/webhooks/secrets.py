"""Standard Webhooks secrets and what is signed with them.

Source: Standard Webhooks 1.0.0, "Signature scheme".
"""

import base64
import binascii
from datetime import datetime, timedelta

from domain.errors import BadInput

PREFIX = "whsec_"
FEWEST_BYTES = 24
MOST_BYTES = 64
ROTATION = timedelta(hours=24)
"""How long the previous secret signs beside the new one."""


def write_secret(random: bytes) -> str:
    """`random` (24 to 64 bytes) as a `whsec_…` secret. Raises `BadInput`."""
    if not FEWEST_BYTES <= len(random) <= MOST_BYTES:
        raise BadInput(_SHAPE, field="secret")
    return PREFIX + base64.b64encode(random).decode()


def read_secret(text: str) -> str:
    """`text` if it is a `whsec_…` secret of 24 to 64 bytes, in canonical base64.

    Raises `BadInput`, which never repeats the secret.
    """
    try:
        random = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise BadInput(_SHAPE, field="secret") from None
    if not text.startswith(PREFIX):
        raise BadInput(_SHAPE, field="secret")
    return write_secret(random)


_SHAPE = f"A secret is {PREFIX!r} followed by {FEWEST_BYTES} to {MOST_BYTES} bytes in base64."


def live_secrets(
    secret: str, previous: str | None, previous_until: datetime | None, now: datetime
) -> tuple[str, ...]:
    """The secrets that sign at `now`, the newest first; instants are aware UTC."""
    if previous is not None and previous_until is not None and now < previous_until:
        return (secret, previous)
    return (secret,)
