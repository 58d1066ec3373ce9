"""Emptying the folder of taken mails, by the same retention as the database (`raw_mail`).

A mail goes when the database has forgotten its bytes, so what the folder held before it was named,
and what people put there, stays: the folder may be one that they use.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from adapters.db import raw_mail
from adapters.db.database import Database
from adapters.intake.imap_folder import Account, ImapFolder, is_refusal
from adapters.outage import Outage
from domain.access import Purpose, read_token_address
from domain.inbox.identity import message_key, with_crlf
from domain.inbox.reports import reported_address
from domain.inbox.stamps import envelope_of

T = TypeVar("T")

AT_ONCE = 200
"""Mails that are looked at in one look."""

LOOK_EVERY, LOOK_AGAIN = 3600.0, 60.0  # seconds: usually, and while there is more

_STAYS_FOR = timedelta(days=1)
"""How long a mail that must stay is not looked at again."""

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DoneFolder(ImapFolder):
    """The folder `done` of an account, instead of the one that is watched."""

    def _selected(self) -> str:
        return self._made(self._account.done)

    def before(self, day: date) -> list[int]:
        """The UIDs of mails that came to the mailbox before `day`, lowest first."""
        return sorted(self._client.search(["BEFORE", day]))


class DoneRetention:
    """Deletes what lies in the folder `done` of `account` for longer than `keep_for`, and of which
    the database has forgotten the bytes, until it is cancelled."""

    def __init__(
        self,
        database: Database,
        account: Account,
        mail_domain: str,
        keep_for: timedelta,
        *,
        feedback_address: str = "",
        at_once: int = AT_ONCE,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database = database
        self._account = account
        self._mail_domain = mail_domain
        self._keep_for = keep_for
        self._feedback_address = feedback_address
        self._at_once = at_once
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parley-imap-done")
        self._stays: dict[int, datetime] = {}  # by UID: when it was looked at
        self._uidvalidity = 0
        self._outage = Outage(_log, "imap: emptying the folder of taken mails", traces=False)

    async def run(self) -> None:
        """Go on until cancelled; whatever breaks is tried again at the next look."""
        try:
            while True:
                pause = LOOK_EVERY
                try:
                    pause = LOOK_AGAIN if await self.look() else LOOK_EVERY
                except Exception as fault:  # the server's, the network's, or the database's
                    self._outage.note(fault)
                else:
                    self._outage.over()
                await asyncio.sleep(pause)
        finally:
            self._thread.shutdown(wait=False)

    async def look(self) -> bool:
        """Delete what is over; whether there is more to look at. Raises what a broken line does."""
        folder = await self._in_thread(lambda: DoneFolder(self._account))
        try:
            return await self._look_through(folder)
        except BaseException:
            folder.hang_up()  # nothing blocks on it when we were cancelled
            raise
        finally:
            self._thread.submit(folder.close)

    async def _look_through(self, folder: DoneFolder) -> bool:
        now = self._now()
        if folder.uidvalidity != self._uidvalidity:
            self._uidvalidity, self._stays = folder.uidvalidity, {}
        day = (now - self._keep_for).date()
        old = await self._in_thread(lambda: folder.before(day))
        self._stays = {u: at for u, at in self._stays.items() if now - at < _STAYS_FOR}
        unseen = [uid for uid in old if uid not in self._stays]
        for uid in unseen[: self._at_once]:
            self._stays[uid] = now  # also where it breaks the line
            await self._delete_if_over(folder, uid)
        return len(unseen) > self._at_once

    async def _delete_if_over(self, folder: DoneFolder, uid: int) -> None:
        try:
            if await self._is_over(folder, uid):
                await self._in_thread(lambda: folder.remove([uid]))
        except Exception as fault:
            if not is_refusal(fault):
                raise

    async def _is_over(self, folder: DoneFolder, uid: int) -> bool:
        found = await self._in_thread(lambda: folder.fetch(uid))
        if found is None:
            return False
        raw = with_crlf(found)  # as it was kept
        envelope = envelope_of(raw, self._mail_domain, self._feedback_address)
        recipients = envelope.recipients or ("",)
        if all(self._is_probe(one) for one in recipients):  # which is kept for a day
            return True
        reported = reported_address(raw, self._mail_domain) if self._feedback_address else None
        keys = self._keys(raw, (*recipients, *filter(None, [reported])))
        return await self._database.read(lambda c: raw_mail.is_forgotten(c, keys))

    def _is_probe(self, recipient: str) -> bool:
        named = read_token_address(recipient, self._mail_domain)
        return named is not None and named.purpose is Purpose.DOCTOR

    def _keys(self, raw: bytes, recipients: tuple[str, ...]) -> list[str]:
        """Under which the inbox or quarantine may have it."""
        named = (read_token_address(one, self._mail_domain) for one in recipients)
        marks = [one.mark for one in named if one is not None]
        return [message_key(one, raw) for one in (*marks, *recipients)]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
