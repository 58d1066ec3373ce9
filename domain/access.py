"""Who may do what: API keys with scopes, and capabilities for people without an account."""

import base64
import hashlib
import hmac
from enum import StrEnum

from domain.errors import NotAllowed
from domain.values import Frozen, Instant


class Scope(StrEnum):
    """What an API key may do."""

    MEETINGS_READ = "meetings:read"
    MEETINGS_WRITE = "meetings:write"
    PEOPLE = "people"
    WEBHOOKS = "webhooks"
    ADMIN = "admin"  # keys themselves, and everything else


class Principal(Frozen):
    """The caller behind a request: which key, for which owner, with which scopes."""

    key_id: str
    owner: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def needs(self, scope: Scope) -> None:
        """Raises `NotAllowed` when the key lacks `scope`."""
        if not self.may(scope):
            raise NotAllowed(f"This key lacks the scope {scope.value!r}.")


class ApiKey(Frozen):
    """An API key as it is kept: never the secret, only its SHA-256."""

    id: str
    owner: str
    name: str
    scopes: frozenset[Scope]
    secret_hash: str
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None


class Purpose(StrEnum):
    """What a capability opens; one salt each, so that one never serves as another."""

    REPLY = "r"  # the address a party's calendar answers to
    BOUNCE = "b"  # the envelope sender of one party's mail
    PAGE = "p"  # the party's own page
    ALIAS = "a"  # the address a party appears under in the other's calendar


class Capability(Frozen):
    """The right to speak for `party` (1, 2, …) of `stream`, for one `purpose`.

    Raising `generation` makes every earlier token of this capability unknown.
    """

    purpose: Purpose
    stream: str
    party: int
    generation: int = 1


TOKEN_LENGTH = 26


def derive_token(secret: bytes, capability: Capability) -> str:
    """The token of `capability`: 130 bits in 26 characters of lower-case base32.

    Derived, not stored: the database keeps only `token_hash`, so a leaked table speaks for
    nobody, and a mail written next month carries the same address. Lower case because local
    parts are lower-cased on the way; base32 because base64 would not survive that.
    """
    claim = "\n".join(
        (capability.purpose, capability.stream, str(capability.party), str(capability.generation))
    )
    digest = hmac.new(secret, claim.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:TOKEN_LENGTH]


def token_hash(purpose: Purpose, token: str) -> str:
    """What the database keeps of a token; the purpose is part of it."""
    return hashlib.sha256(f"{purpose}:{token.lower()}".encode()).hexdigest()


def token_address(purpose: Purpose, token: str, domain: str) -> str:
    """The mail address of a token: `r+<26 characters>@domain`, 34 octets at most (RFC 5321
    §4.5.3.1.1 allows 64)."""
    return f"{purpose}+{token}@{domain}"


def read_token_address(address: str, domain: str) -> tuple[Purpose, str] | None:
    """Purpose and token of one of our addresses, or None for any other address."""
    local, _, host = address.strip().rpartition("@")
    prefix, plus, token = local.lower().partition("+")
    if host.lower() != domain.lower() or not plus or len(token) != TOKEN_LENGTH:
        return None
    if prefix not in set(Purpose) or not token.isalnum():
        return None
    return Purpose(prefix), token
