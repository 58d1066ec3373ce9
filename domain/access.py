"""Who may do what: API keys with scopes, and capabilities for people without an account."""

import base64
import hashlib
import hmac
import re
import string
import zlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from domain.errors import NotAllowed, WrongKey
from domain.values import Frozen, Instant


class Scope(StrEnum):
    """What an API key may do."""

    MEETINGS_READ = "meetings:read"
    MEETINGS_WRITE = "meetings:write"
    PEOPLE = "people"
    WEBHOOKS = "webhooks"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"  # send, hold, release and drop mail; suppressions
    ADMIN = "admin"  # keys themselves, and everything else


OPERATOR = "main"
"""The owner who runs the installation: its first key is theirs, and so are those that are made by
command. What belongs to nobody is the operator's; what belongs to another owner is not."""


_READ_WITH: Mapping[str, Scope] = {
    "meeting": Scope.MEETINGS_READ,
    "message": Scope.MESSAGES_READ,
    "person": Scope.PEOPLE,
    "webhook": Scope.WEBHOOKS,
}
"""The scope that opens the events of each kind of stream."""


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

    def needs_installation(self) -> None:
        """For what is of all owners together. Raises `NotAllowed` for every key but those of the
        operator's administrators."""
        self.needs(Scope.ADMIN)
        if self.owner != OPERATOR:
            raise NotAllowed("This is of all owners together, and for the operator's keys alone.")

    def readable_streams(self) -> tuple[str, ...]:
        """The kinds of streams whose events the key may read: what stands before the slash of
        their names. Raises `NotAllowed` when it may read none."""
        kinds = tuple(kind for kind, scope in _READ_WITH.items() if self.may(scope))
        if not kinds:
            needed = ", ".join(repr(scope.value) for scope in _READ_WITH.values())
            raise NotAllowed(f"This key may read no events; it needs one of the scopes {needed}.")
        return kinds


class ApiKey(Frozen):
    """An API key as it is kept: never the secret, only its SHA-256."""

    id: str
    owner: str
    name: str
    scopes: frozenset[Scope]
    secret_hash: str = Field(repr=False)
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether the key opens anything at `now` (aware UTC)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Whoever bears this key."""
        return Principal(key_id=self.id, owner=self.owner, scopes=self.scopes)


KEY_ENTROPY = 40
"""Bytes of randomness a new key takes: 8 for its id, 32 for its secret."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY = re.compile(r"pk_([0-9a-z]{13})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


_SHUT = "This API key is unknown, revoked or expired."


class SpentKey(WrongKey):
    """The right text of a key that was revoked or has expired: whoever sends it did not guess."""


class NewKey(Frozen):
    """A key at the one moment its text is known."""

    id: str
    text: str = Field(repr=False)
    secret_hash: str = Field(repr=False)


def make_key(entropy: bytes) -> NewKey:
    """The key of `KEY_ENTROPY` random bytes: `pk_<id>_<secret><checksum>`.

    A fixed prefix and a checksum let scanners recognise a leaked key, and a mistyped one is
    told from an unknown one without the database. Letters and digits only, so that a double
    click selects the secret. Raises `ValueError` for any other length.
    """
    if len(entropy) != KEY_ENTROPY:
        raise ValueError(f"a key takes {KEY_ENTROPY} random bytes")
    key_id = base64.b32encode(entropy[:8]).decode().lower().rstrip("=")
    body = f"pk_{key_id}_{_in_digits(entropy[8:], 43)}"
    text = body + _checksum(body)
    return NewKey(id=key_id, text=text, secret_hash=key_hash(text))


def read_key(text: str) -> str:
    """The id within a key's text. Raises `WrongKey` for what cannot be a key."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(text[:-6]) != match[3]:
        raise WrongKey("This is not an API key; it may have been copied in part.")
    return match[1]


def key_hash(text: str) -> str:
    """What the database keeps of a key. A plain SHA-256 is enough: the secret is 256 random
    bits, so nobody can try candidates."""
    return hashlib.sha256(text.encode()).hexdigest()


def open_key(key: ApiKey | None, text: str, now: datetime) -> Principal:
    """The principal behind `text`, given the stored key of its id. Raises `WrongKey`.

    Compared in constant time; unknown, revoked and expired keys get one answer, so that an id
    alone tells nothing.
    """
    stored = key.secret_hash if key is not None else ""
    if not hmac.compare_digest(key_hash(text), stored) or key is None:
        raise WrongKey(_SHUT)
    if not key.is_live(now):
        raise SpentKey(_SHUT)
    return key.principal


def _checksum(body: str) -> str:
    return _in_digits(zlib.crc32(body.encode()).to_bytes(4, "big"), 6)


def _in_digits(data: bytes, width: int) -> str:
    """`data` as a number in base 62, most significant digit first."""
    number = int.from_bytes(data, "big")
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


class Purpose(StrEnum):
    """What a capability opens; one salt each, so that one never serves as another."""

    REPLY = "r"  # the address a party's calendar answers to
    BOUNCE = "b"  # the envelope sender of one party's mail
    PAGE = "p"  # the party's own page
    ALIAS = "a"  # the address a party appears under in the other's calendar
    UNSUBSCRIBE = "u"  # the page and the address that end optional mail
    DOCTOR = "d"  # the address of one probe, by which the doctor sees that mail comes back in


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


def nameless(address: str) -> str:
    """What stands for a mail address, in any case, where nobody may be named: 32 hex digits."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:32]


def token_hash(purpose: Purpose, token: str) -> str:
    """What the database keeps of a token; the purpose is part of it."""
    return hashlib.sha256(f"{purpose}:{token.lower()}".encode()).hexdigest()


def token_address(purpose: Purpose, token: str, domain: str, number: int | None = None) -> str:
    """The mail address of a token: `r+<26 characters>@domain`, or `b+<26 characters>-<number>`
    for the bounces of one message; 47 octets before the @ at most (RFC 5321 §4.5.3.1.1 allows
    64)."""
    about = "" if number is None else f"-{number}"
    return f"{purpose}+{token}{about}@{domain}"


class TokenAddress(NamedTuple):
    """One of our addresses, taken apart. `number` is the outbox id in a bounce address of one
    message (VERP), None in every other; whoever knows the token can write any number there."""

    purpose: Purpose
    token: str
    number: int | None = None

    @property
    def mark(self) -> str:
        """What tells this address from every other one: token, and number if there is one."""
        return self.token if self.number is None else f"{self.token}-{self.number}"


_LOCAL = re.compile(rf"([a-z])\+([a-z0-9]{{{TOKEN_LENGTH}}})(?:-([1-9][0-9]{{0,17}}))?")


def read_token_address(address: str, domain: str) -> TokenAddress | None:
    """`address` taken apart, or None for any address that is not one of ours."""
    local, _, host = address.strip().rpartition("@")
    parts = _LOCAL.fullmatch(local.lower())
    if host.lower() != domain.lower() or parts is None or parts[1] not in set(Purpose):
        return None
    purpose, number = Purpose(parts[1]), None if parts[3] is None else int(parts[3])
    if number is not None and purpose is not Purpose.BOUNCE:
        return None
    return TokenAddress(purpose, parts[2], number)


def numbered(address: str, number: int) -> str:
    """The envelope sender of message `number`: a bounce address says which message it is about
    (VERP). Any other address, and the null sender, stays as it is."""
    local, _, host = address.rpartition("@")
    parts = _LOCAL.fullmatch(local)
    if parts is None or parts[1] != Purpose.BOUNCE or parts[3] is not None:
        return address
    return f"{local}-{number}@{host}"
