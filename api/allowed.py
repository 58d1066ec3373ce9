"""Which methods a path understands, over all its routes (RFC 9110 §10.2.1)."""

from collections.abc import Iterable

from fastapi import Request
from starlette.routing import BaseRoute, Match

_ASKED = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(request: Request) -> list[str]:
    """The methods of every route that matches the request's path; HEAD goes with GET."""
    routes: Iterable[BaseRoute] = request.app.router.routes
    found = {method for method in _ASKED if _matches(routes, request, method)}
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)


def _matches(routes: Iterable[BaseRoute], request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in routes)
