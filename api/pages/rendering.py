"""Templates and the headers of every page: escaped, private, and without a line of script."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.limits import TooMany

_HERE = Path(__file__).parent

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

PRIVATE = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every page. A capability in the address must not be kept, indexed or passed on."""


class Pages:
    """Renders templates. Autoescape is always on, and an undefined name is an error."""

    def __init__(self, *, has_mailbox: bool = False) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["stylesheet"] = self.stylesheet_path
        self._environment.globals["has_mailbox"] = has_mailbox

    @cached_property
    def stylesheet(self) -> bytes:
        return (_HERE / "static" / "parley.css").read_bytes()

    @cached_property
    def icon(self) -> bytes:
        return (_HERE / "static" / "parley.svg").read_bytes()

    @cached_property
    def stylesheet_path(self) -> str:
        """An address that changes with the content, so that it may be kept for ever."""
        return f"/pages/parley-{hashlib.sha256(self.stylesheet).hexdigest()[:12]}.css"

    def render(
        self,
        template: str,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """The page made from `template`; every text of `context` is escaped."""
        text = self._environment.get_template(template).render(context)
        return HTMLResponse(text, status, {**PRIVATE, **(headers or {})})

    def message(self, status: int, title: str, text: str) -> Response:
        """A page that says one thing: an error with a way out."""
        return self.render("message.html", status, title=title, text=text)

    def too_many(self, refusal: TooMany) -> Response:
        """The page for somebody who has tried too often."""
        text = f"That was too often. Try again in {refusal.retry_after} seconds."
        wait = {"Retry-After": str(refusal.retry_after)}
        return self.render("message.html", 429, headers=wait, title="Please wait", text=text)


def see_other(path: str) -> Response:
    """After a form: go and look. GET of `path` shows the result and repeats harmlessly."""
    return RedirectResponse(
        path, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    )
