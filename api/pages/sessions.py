"""Desk sessions: a signed cookie that names an API key and ends soon.

The cookie holds no secret and no scopes: at every request the key is looked up again, so
revoking it ends its sessions, and so is whether somebody signed out, so a copy of the cookie
serves nobody afterwards.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from api.pages.ports import PageParts
from domain.access import Principal, Scope
from domain.errors import WrongKey
from domain.values import Frozen

_SALT = b"parley desk session"
_LASTS_FOR = timedelta(hours=8)
_INSIDE = re.compile(r"/(desk|mailbox)([/?]|\Z)")


class Session(Frozen):
    """Somebody at the desk. `id` binds the nonces of its forms."""

    id: str
    principal: Principal


@dataclass(frozen=True)
class _Claim:
    """What a cookie says that bears our signature."""

    key_id: str
    ends_at: datetime
    session: str

    @property
    def session_hash(self) -> str:
        return hashlib.sha256(self.session.encode()).hexdigest()


class SignedOut(WrongKey):
    """Nobody is signed in; `back` is where they wanted to go."""

    code = "signed-out"

    def __init__(self, back: str) -> None:
        super().__init__("Sign in with an API key first.")
        self.back = back


class Sessions:
    """Issues and reads session cookies."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._key = hmac.new(parts.ports.secret, _SALT, hashlib.sha256).digest()
        self._is_secure = parts.base_url.startswith("https://")
        # The __Host- prefix keeps other hosts of the domain from planting one (RFC 6265bis).
        self._name = "__Host-parley-desk" if self._is_secure else "parley-desk"

    def begin(self, response: Response, key_id: str) -> Response:
        """Signs the bearer of `key_id` in, for eight hours."""
        ends_at = self._parts.ports.clock() + _LASTS_FOR
        claim = f"{key_id}.{int(ends_at.timestamp())}.{secrets.token_urlsafe(12)}"
        self._set(response, f"{claim}.{self._sign(claim)}", int(_LASTS_FOR.total_seconds()))
        return response

    async def end(self, request: Request, response: Response) -> Response:
        """Signs out: the browser forgets the cookie, and no copy of it opens anything."""
        claim = self._claim(request.cookies.get(self._name, ""), self._parts.ports.clock())
        if claim is not None:
            await self._parts.sessions.end(claim.session_hash, claim.ends_at)
        self._set(response, "", 0)
        return response

    async def current(self, request: Request) -> Session:
        """Who is signed in. Raises `SignedOut`, and `NotAllowed` for a key that may not read
        meetings."""
        now = self._parts.ports.clock()
        claim = self._claim(request.cookies.get(self._name, ""), now)
        if claim is None:
            raise SignedOut(_path(request))
        try:
            principal = await self._parts.sessions.principal_of(
                claim.key_id, claim.session_hash, now
            )
        except WrongKey:
            raise SignedOut(_path(request)) from None
        principal.needs(Scope.MEETINGS_READ)
        return Session(id=claim.session, principal=principal)

    def _claim(self, cookie: str, now: datetime) -> _Claim | None:
        text, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        key_id, ends_at, session = text.split(".", 2)
        claim = _Claim(key_id, datetime.fromtimestamp(int(ends_at), UTC), session)
        return claim if now < claim.ends_at else None

    def _set(self, response: Response, value: str, max_age: int) -> None:
        response.set_cookie(
            self._name,
            value,
            max_age=max_age,
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )

    def _sign(self, claim: str) -> str:
        digest = hmac.new(self._key, claim.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _path(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query and request.method != "POST" else ""
    return request.url.path + query


def login_path(back: str) -> str:
    """The login page that leads on to `back`."""
    return f"/login?next={quote(back, safe='/')}"


def safe_back(text: str) -> str:
    """`text` if it is a path of the desk or the mailbox, else the desk: never another site."""
    is_ours = _INSIDE.match(text) is not None
    return text if is_ours and "\\" not in text and text.isprintable() else "/desk"
