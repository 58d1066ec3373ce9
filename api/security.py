"""Who is calling: an API key as a bearer token (RFC 6750) or in `X-API-Key`, with its scopes."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.ports import PortsDep
from domain.access import Principal, Scope
from domain.errors import WrongKey

LONGEST_KEY = 200

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="An API key from `parley key create`, sent as `Authorization: Bearer <key>`.",
)
_header = APIKeyHeader(
    name="X-API-Key",
    auto_error=False,
    scheme_name="ApiKeyHeader",
    description="The same key, for clients that cannot set `Authorization`.",
)


async def caller(
    ports: PortsDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> Principal:
    """The principal behind the request. Raises `WrongKey`."""
    key = bearer.credentials if bearer is not None else header
    if not key:
        raise WrongKey("This needs an API key: send `Authorization: Bearer <key>`.")
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise WrongKey("This is not an API key.")
    return await ports.keys.principal(key, ports.clock())


Caller = Annotated[Principal, Depends(caller)]
"""Any valid key, whatever its scopes."""


def requires(scope: Scope) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that gives the caller, or raises `WrongKey` or `NotAllowed`."""

    async def scoped(principal: Caller) -> Principal:
        principal.needs(scope)
        return principal

    return scoped


MeetingsReader = Annotated[Principal, Depends(requires(Scope.MEETINGS_READ))]
MeetingsWriter = Annotated[Principal, Depends(requires(Scope.MEETINGS_WRITE))]
PeopleCaller = Annotated[Principal, Depends(requires(Scope.PEOPLE))]
WebhooksCaller = Annotated[Principal, Depends(requires(Scope.WEBHOOKS))]
Admin = Annotated[Principal, Depends(requires(Scope.ADMIN))]
