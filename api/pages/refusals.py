"""Refusals as pages: somebody with a browser is never shown a problem document."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.errors import known_code, route_of, status_of
from api.pages.rendering import Pages
from domain.errors import ParleyError, Unavailable

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def page_route(pages: Pages) -> type[APIRoute]:
    """The routes of a router of pages: what its endpoints do not catch becomes a page."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            endpoint = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await endpoint(request)
                except ParleyError as refusal:
                    return _page(pages, request, refusal)

            return handler

    return PageRoute


def _page(pages: Pages, request: Request, refusal: ParleyError) -> Response:
    status = status_of(known_code(refusal))
    if status >= 500:
        log.error("page refused with %d at %s: %s", status, route_of(request), refusal)
    if isinstance(refusal, Unavailable):
        text = "Something is down at the moment, and nothing was done. Try again in a minute."
        return pages.message(status, "This cannot be shown right now", text)
    return pages.message(status, "This was not done", str(refusal))
