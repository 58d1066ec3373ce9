"""Reaching an installation that runs: the embedded database belongs to it alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from adapters.supervisor.pulse import reached_at
from console.layout import Layout
from domain.errors import BadInput, NotFound, ParleyError, Refused, Unavailable, WrongKey
from settings import Settings

_ERRORS: dict[int, type[ParleyError]] = {401: WrongKey, 403: WrongKey, 404: NotFound, 409: Refused}


@dataclass(frozen=True)
class Running:
    """A running `parley up`, reached with the first API key of its data directory."""

    base: str
    key: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One API call. Raises the `ParleyError` that its problem document describes."""
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            answer = httpx.request(
                method,
                f"{self.base}{path}",
                json=body,
                headers=headers,
                timeout=15,
                trust_env=False,
            )
        except httpx.HTTPError as failure:
            raise Unavailable(f"{self.base} does not answer: {failure}") from failure
        document = _document(answer)
        if answer.is_error:
            said = str(document.get("detail") or answer.reason_phrase)
            raise _ERRORS.get(answer.status_code, BadInput)(said)
        return document


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json() if answer.content else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def need_database(settings: Settings) -> None:
    """Raises `Unavailable` where there is no database file: looking must not create one."""
    if settings.is_embedded and not Path(sa.make_url(settings.database).database or "").exists():
        raise Unavailable("There is no database yet. Start Parley once: parley up.")


def find_running(settings: Settings) -> Running | None:
    """The `parley up` that serves this data directory, if it runs."""
    layout = Layout(settings.data_dir)
    try:
        port = int(json.loads(layout.ports.read_text())["api"])
        host = reached_at(settings.api_host)
        base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        running = Running(base, layout.api_key.read_text().strip())
        running.call("GET", "/livez")
    except (OSError, ValueError, KeyError, ParleyError):
        return None
    return running
