"""Digests: mails that may wait, and go as one.

A part waits as a held message of its own until its window ends; then all parts of one window
become one mail, in the transaction that ends them.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from domain.outbox.requests import MessageOrder, window_end
from domain.values import Frozen, Instant

MOST_PARTS = 50
MOST_OCTETS = 1_000_000
"""Parts of one mail, and octets of them together; those beyond go in a further one. Servers take
mail of some megabytes only, and a mail that is refused is refused with all its parts."""


class DigestKey(Frozen):
    """What the parts of one digest have in common. Optional mail is not mixed with other mail:
    its recipient may unsubscribe from the one and not from the other."""

    owner: str
    kind: str
    recipient: str
    until: Instant
    optional: bool
    subject: str = ""

    def to_text(self) -> str:
        """The key as the rows of its parts carry it; equal keys give equal texts."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def read_key(text: str) -> DigestKey:
    """The key that `to_text` wrote."""
    return DigestKey.model_validate_json(text)


def digest_key(order: MessageOrder, now: datetime) -> DigestKey | None:
    """The digest that a mail asked for at `now` is to become a part of, if any."""
    if order.digest is None:
        return None
    return DigestKey(
        owner=order.owner,
        kind=order.kind,
        recipient=order.recipient.address.casefold(),
        until=window_end(order.digest, order.postage.zone, now),
        optional=order.postage.optional,
        subject=order.digest.subject,
    )


def how_many_fit(sizes: Sequence[int]) -> int:
    """How many parts of these sizes (octets) become one mail, from the first on: one at least."""
    total = 0
    for fitting, size in enumerate(sizes[:MOST_PARTS]):
        total += size
        if fitting and total > MOST_OCTETS:
            return fitting
    return min(len(sizes), MOST_PARTS)


def subject_words(key: DigestKey, subjects: list[str]) -> str:
    """The subject line of a digest of parts with these subjects."""
    if key.subject:
        return key.subject
    first = subjects[0] if subjects else key.kind
    return first if len(subjects) == 1 else f"{first} (and {len(subjects) - 1} more)"
