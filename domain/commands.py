"""Commands: what a client asked for, as a resource with a state and an outcome.

A command is accepted in the transaction of its first effect and finished in the transaction of
its last. A refusal is an outcome like any other.
"""

import hashlib
import json
from enum import StrEnum
from typing import Any

from domain.values import Frozen, Instant


class CommandState(StrEnum):
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"


class Outcome(Frozen):
    """How a command ended: a stable `code`, a sentence, and the version of the stream it led to."""

    code: str
    detail: str = ""
    version: int | None = None


class Command(Frozen):
    """An intent as it was accepted. `data` is the checked body; `stream` is what it is about."""

    id: str
    owner: str
    kind: str
    stream: str
    state: CommandState
    data: dict[str, Any]
    accepted_at: Instant
    finished_at: Instant | None = None
    outcome: Outcome | None = None

    @property
    def is_finished(self) -> bool:
        return self.state is not CommandState.ACCEPTED


class Submission(Frozen):
    """An intent on its way in, before it is a command.

    `key` is the client's idempotency key, unique within `route` (method and path template) of
    the owner; `fingerprint` tells a retry from another request under the same key.
    """

    id: str
    owner: str
    kind: str
    route: str
    key: str
    fingerprint: str
    data: dict[str, Any]
    at: Instant

    @property
    def idempotency(self) -> tuple[str, str, str, str]:
        """Who, where, which key, which body. The owner stands for the caller, so that a retry
        after a key rotation is still a retry."""
        return self.owner, self.route, self.key, self.fingerprint


def fingerprint(body: Any) -> str:
    """A SHA-256 over the canonical JSON of `body`: equal bodies, equal fingerprints,
    whatever the order of their members (draft-ietf-httpapi-idempotency-key-header §2.4)."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
