"""Who is calling: an API key as a bearer token (RFC 6750) or in `X-API-Key`, with its scopes."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.peers import peer_of
from api.ports import Ports, PortsDep
from domain.access import Principal, Scope, SpentKey
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
    request: Request,
    ports: PortsDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> Principal:
    """The principal behind the request. Raises `WrongKey`, `TooMany`."""
    found = await maybe_caller(request, ports, bearer, header)
    if found is None:
        raise WrongKey("This needs an API key: send `Authorization: Bearer <key>`.")
    return found


async def maybe_caller(
    request: Request,
    ports: PortsDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> Principal | None:
    """The same; None where no key was sent."""
    key = bearer.credentials if bearer is not None else header
    if not key:
        return None
    principal = await opened(request, ports, key)
    ports.limits.requests.take(principal.key_id)
    return principal


async def opened(request: Request, ports: Ports, key: str) -> Principal:
    """The principal of `key`, which somebody sent. Raises `WrongKey`, and `TooMany` for a peer
    that has sent too many wrong ones; revoked and expired keys are no guesses."""
    guesser = f"key {peer_of(request)}"
    ports.limits.guesses.check(guesser)
    try:
        if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise WrongKey("This is not an API key. One is made with: parley key create.")
        return await ports.keys.principal(key, ports.clock())
    except SpentKey:
        raise
    except WrongKey:
        ports.limits.guesses.take(guesser)
        raise


Caller = Annotated[Principal, Depends(caller)]
"""Any valid key, whatever its scopes."""

MaybeCaller = Annotated[Principal | None, Depends(maybe_caller)]
"""Whoever has a key; None without one."""


def requires(scope: Scope) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that gives the caller, or raises `WrongKey` or `NotAllowed`."""

    async def scoped(principal: Caller) -> Principal:
        principal.needs(scope)
        return principal

    return scoped


async def operator(principal: Caller) -> Principal:
    """The caller, for what is of all owners together. Raises `WrongKey` or `NotAllowed`."""
    principal.needs_installation()
    return principal


MeetingsReader = Annotated[Principal, Depends(requires(Scope.MEETINGS_READ))]
MeetingsWriter = Annotated[Principal, Depends(requires(Scope.MEETINGS_WRITE))]
PeopleCaller = Annotated[Principal, Depends(requires(Scope.PEOPLE))]
WebhooksCaller = Annotated[Principal, Depends(requires(Scope.WEBHOOKS))]
MessagesReader = Annotated[Principal, Depends(requires(Scope.MESSAGES_READ))]
MessagesWriter = Annotated[Principal, Depends(requires(Scope.MESSAGES_WRITE))]
Admin = Annotated[Principal, Depends(requires(Scope.ADMIN))]
Operator = Annotated[Principal, Depends(operator)]
