"""A signed request that comes again: the same is answered as the first was, another is refused.

Whoever sent one and heard no answer sends it again, and so does whoever overheard it.
"""

import hashlib
from datetime import datetime

from domain.errors import Refused
from domain.values import Frozen, Instant


class ContentDiffers(Refused):
    """One signature, two different contents: the second is not what was signed, or its sender
    gave two requests one name."""

    code = "signed-content-differs"

    def __init__(self) -> None:
        super().__init__(
            "Something else came under this signature's id or token before; sign anew, under "
            "another one."
        )


class SignedRequest(Frozen):
    """What is remembered of one: `mark` tells it from all others, `digest` stands for everything
    it says, and at `until` its signature is too old to be repeated."""

    mark: str
    digest: str
    until: Instant


def signed_request(signer: str, id: str, until: datetime, *content: bytes) -> SignedRequest:
    """The request that `signer` gave this `id`, which is theirs alone and of any length."""
    mark = _digest(signer.encode(), id.encode("utf-8", "replace"))
    return SignedRequest(mark=mark, digest=_digest(*content), until=until)


def _digest(*parts: bytes) -> str:
    """Each with its length, so that nothing can move from one to the next."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()
