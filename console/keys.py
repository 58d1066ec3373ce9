"""`parley key`: through the API of a running installation, else in the database itself."""

import io
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from adapters.db.keys import SqlKeys
from adapters.db.opening import open_database
from console.ground import now
from console.running import Running, find_running
from domain.access import OPERATOR, ApiKey, Scope
from domain.errors import BadInput
from settings import Settings

Key = dict[str, Any]


class KeyBook:
    """The API keys of an installation, whether it runs or not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A PostgreSQL database may be used beside its service; a SQLite file may not.
        self._running: Running | None = find_running(settings) if settings.is_embedded else None

    async def create(self, name: str, scopes: Sequence[str]) -> Key:
        """A new key; `key` is its text, which cannot be had again. Raises `BadInput`."""
        wanted = [_scope(scope) for scope in scopes]
        if self._running:
            return _plain(self._running.call("POST", "/keys", {"name": name, "scopes": wanted}))
        key, text = await self._directly(lambda keys: keys.create(OPERATOR, name, wanted, now()))
        return {**_shown(key), "key": text}

    async def list(self) -> list[Key]:
        """Every key without its text, revoked ones too."""
        if self._running:
            found = self._running.call("GET", "/keys")
            return [_plain(item) for item in found["_embedded"]["items"]]
        return [_shown(key) for key in await self._directly(lambda keys: keys.list_of(OPERATOR))]

    async def revoke(self, key_id: str) -> None:
        """Make a key open nothing from now on. Raises `NotFound`."""
        if self._running:
            self._running.call("DELETE", f"/keys/{key_id}")
            return
        await self._directly(lambda keys: keys.revoke(OPERATOR, key_id, now()))

    async def _directly(self, work: Callable[[SqlKeys], Coroutine[Any, Any, Any]]) -> Any:
        database = open_database(self._settings.database, migrate=self._settings.is_embedded)
        try:
            return await work(SqlKeys(database))
        finally:
            await database.close()


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise BadInput(f"{text!r} is no scope; there are {', '.join(Scope)}.") from None


def _shown(key: ApiKey) -> Key:
    shown = key.model_dump(mode="json", exclude={"owner", "secret_hash"})
    return {**shown, "scopes": sorted(key.scopes)}


def _plain(document: Key) -> Key:
    """The members of a resource without its links and forms."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def key_table(keys: Sequence[Key]) -> str:
    """The keys as a table for people."""
    table = Table("id", "name", "scopes", "created", "last used", "state")
    for key in keys:
        state = "revoked" if key["revoked_at"] else "live"
        used = (key["last_used_at"] or "never")[:16]
        scopes = " ".join(key["scopes"])
        table.add_row(key["id"], key["name"], scopes, key["created_at"][:16], used, state)
    page = io.StringIO()
    Console(file=page, width=110).print(table)
    return page.getvalue().rstrip()
