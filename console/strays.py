"""`parley mail quarantine|replay|discard`: through the API of a running installation, else in the
database itself."""

import io
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from adapters.db.opening import open_database
from adapters.db.strays import SqlStrays
from console.ground import now
from console.running import Running, find_running
from domain.access import OPERATOR
from domain.errors import BadInput
from domain.inbox.quarantine import Custody, Stray, StrayName, read_name
from domain.values import as_address
from settings import Settings

Mail = dict[str, Any]
_MOST = 200


class StrayBook:
    """The operator's quarantine of an installation, whether it runs or not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A PostgreSQL database may be used beside its service; a SQLite file may not.
        self._running: Running | None = find_running(settings) if settings.is_embedded else None

    async def list(self, state: str) -> Sequence[Mail]:
        """The newest mails of the quarantine in that state, and what could not be read."""
        custody = _custody(state)
        if self._running:
            path = f"/quarantine?state={custody.value}&limit={_MOST}"
            found = self._running.call("GET", path)["_embedded"]
            return [_plain(item) for item in [*found["items"], *found["unreadable"]]]

        async def work(strays: SqlStrays) -> Sequence[Stray]:
            return [
                *await strays.newest(OPERATOR, custody, _MOST),
                *await strays.unreadable(OPERATOR, _MOST),
            ]

        return [_shown(stray) for stray in await self._directly(work)]

    async def replay(self, mail_id: str, address: str | None) -> Mail:
        """Give a mail to the inbox, or have one of the inbox read again. Raises `NotFound`,
        `Refused`, `Forgotten`, `BadInput`."""
        name = read_name(mail_id)
        if name.in_inbox and address is not None:
            raise BadInput("A mail of the inbox has an address; read it again without --address.")
        if self._running:
            return _plain(_replayed(self._running, name, address))
        given = None if address is None else as_address(address)

        async def work(strays: SqlStrays) -> Stray:
            seen = (await strays.get(OPERATOR, name)).replays
            return await strays.replay(OPERATOR, name, now(), given, seen)

        return _shown(await self._directly(work))

    async def discard(self, mail_id: str) -> Mail:
        """Be done with a mail. Raises `NotFound`, `Refused`."""
        name = read_name(mail_id)
        if self._running:
            return _plain(self._running.call("POST", f"/quarantine/{name}/discard"))
        return _shown(await self._directly(lambda strays: strays.discard(OPERATOR, name, now())))

    async def _directly(self, work: Callable[[SqlStrays], Coroutine[Any, Any, Any]]) -> Any:
        database = open_database(self._settings.database, migrate=self._settings.is_embedded)
        try:
            return await work(SqlStrays(database, self._settings.mail_domain))
        finally:
            await database.close()


def _replayed(running: Running, name: StrayName, address: str | None) -> Mail:
    """Asked for with what was seen of the mail, so that two commands at once are one replay."""
    here = f"/quarantine/{name}"
    if name.in_inbox:
        body: Mail = {"replays": running.call("GET", here)["replays"]}
    else:
        body = {} if address is None else {"address": address}
    return running.call("POST", f"{here}/replay", body)


def _custody(text: str) -> Custody:
    states = (Custody.KEPT, Custody.REPLAYED, Custody.DISCARDED)
    if text not in states:
        raise BadInput(f"{text!r} is no state; there are {', '.join(states)}.")
    return Custody(text)


def _shown(stray: Stray) -> Mail:
    shown = stray.model_dump(mode="json", exclude={"custody", "inbox"})
    return {**shown, "state": stray.custody.value}


def _plain(document: Mail) -> Mail:
    """The members of a resource without its links and forms."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def stray_table(mails: Sequence[Mail]) -> str:
    """The mails as a table for people."""
    if not mails:
        return "Nothing needs an operator."
    table = Table("id", "state", "why", "came", "by", "from", "to")
    for mail in mails:
        state = mail["state"] + (", bytes forgotten" if mail["raw_forgotten_at"] else "")
        cells = (mail["id"], state, mail["reason"], mail["received_at"][:16])
        table.add_row(*cells, mail["source"], mail["mail_from"], mail["recipient"])
    page = io.StringIO()
    Console(file=page, width=140).print(table)
    return page.getvalue().rstrip()
