"""Mail in from a mailbox that somebody else's server keeps (mail-safety §12, §13).

A mail is looked at without being marked, kept durably, and only then moved or marked; how far
that went is remembered at the end. Dying in between repeats a step, and the message key makes the
copies one mail. When the server gives out its UIDs anew, all is looked at anew.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from adapters.db import mailboxes
from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.imap_folder import Account, Folder, ImapFolder
from adapters.outage import Outage
from domain.inbox.acceptance import Source, Way
from domain.inbox.stamps import envelope_of

T = TypeVar("T")

LOOK_EVERY = 300.0
"""Seconds after which the folder is looked at whatever the server said. It also renews IDLE, which
servers may end after half an hour (RFC 2177)."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds, between attempts to connect

_BATCH = 20
"""Mails after which it is remembered how far it went."""

_SOURCE = Source(way=Way.IMAP)
_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ImapWatch:
    """Takes what comes to the folder of `account`, until it is stopped."""

    def __init__(
        self,
        database: Database,
        reception: Reception,
        account: Account,
        mail_domain: str,
        *,
        look_every: float = LOOK_EVERY,
        first_pause: float = FIRST_PAUSE,
        now: Callable[[], datetime] = _utc_now,
        open_folder: Callable[[Account], Folder] = ImapFolder,
    ) -> None:
        self._database = database
        self._reception = reception
        self._account = account
        self._mail_domain = mail_domain
        self._look_every = look_every
        self._first_pause = first_pause
        self._now = now
        self._open_folder = open_folder
        # The library blocks; one thread of its own keeps what it does in order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parley-imap")
        self._folder: Folder | None = None
        self._was_fine = False
        self._stopping = asyncio.Event()
        self._outage = Outage(_log, "imap: reading the mailbox", traces=False)

    async def run(self) -> None:
        """Go on until `stop`, or until cancelled; whatever breaks is tried again, after ever
        longer pauses."""
        pause = self._first_pause
        try:
            while not self._stopping.is_set():
                try:
                    await self._watch()
                except Exception as fault:  # the server's, the network's, or the database's
                    if self._stopping.is_set():
                        return
                    self._outage.note(fault)
                    pause = self._first_pause if self._was_fine else min(2 * pause, LONGEST_PAUSE)
                    await self._rest(pause)
        finally:
            self._hang_up()
            self._thread.shutdown(wait=False)

    async def stop(self) -> None:
        """Ask `run` to return. A mail in hand may be taken again at the next start."""
        self._stopping.set()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._folder is not None:
            self._folder.hang_up()

    async def _rest(self, seconds: float) -> None:
        with_end = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([with_end], timeout=seconds)
        with_end.cancel()

    async def _watch(self) -> None:
        self._was_fine = False
        folder = await self._in_thread(lambda: self._open_folder(self._account))
        self._folder = folder
        try:
            begun = await self._database.read(
                lambda c: mailboxes.reached(c, self._account.name, folder.uidvalidity)
            )
            progress = _Progress(begun)
            while not self._stopping.is_set():
                await self._take_new(folder, progress)
                self._was_fine = True
                self._outage.over()
                await self._wait(folder)
        finally:
            self._folder = None
            self._thread.submit(folder.close)

    async def _wait(self, folder: Folder) -> None:
        await self._in_thread(lambda: folder.wait(self._look_every))
        if not folder.has_news:
            await self._rest(self._look_every)

    async def _take_new(self, folder: Folder, progress: "_Progress") -> None:
        above = await self._in_thread(lambda: folder.above(progress.reached))
        new = [uid for uid in above if uid not in progress.done]
        for first in range(0, len(new), _BATCH):
            batch = new[first : first + _BATCH]
            for uid in batch:
                if await self._take(folder, uid):
                    progress.done.add(uid)
            progress.advance(above)
            await self._remember(folder.uidvalidity, progress.reached)

    async def _take(self, folder: Folder, uid: int) -> bool:
        """Whether the mail is done with; False for one that must wait in its folder.

        One that finds no room in quarantine is passed over and lies where it is: fetching all of
        them again and again would be work without end. Moved out and in, it is a new one.
        """
        raw = await self._in_thread(lambda: folder.fetch(uid))
        if raw is None:
            return True
        envelope = envelope_of(raw, self._mail_domain)
        outcomes = await self._reception.accept(raw, envelope, _SOURCE)
        if any(one.must_come_again and not one.waits_for_somebody for one in outcomes):
            return False
        if any(one.waits_for_somebody for one in outcomes):
            _log.warning("imap: quarantine has no room; mail %d stays in its folder", uid)
            return True
        await self._in_thread(lambda: folder.settle(uid))
        return True

    async def _remember(self, uidvalidity: int, uid: int) -> None:
        name, now = self._account.name, self._now()
        await self._database.write(lambda c: mailboxes.reach(c, name, uidvalidity, uid, now))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Progress:
    """Every mail up to `reached` is done with, and of those above it the ones in `done`: a mail
    that must wait holds back what is remembered, not the mails behind it."""

    def __init__(self, reached: int) -> None:
        self.reached = reached
        self.done: set[int] = set()

    def advance(self, above: list[int]) -> None:
        """`above` are the UIDs that were there above `reached`."""
        for uid in above:
            if uid not in self.done:
                break
            self.reached = uid
        self.done = {uid for uid in self.done if uid > self.reached}
