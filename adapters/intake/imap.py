"""Mail in from a mailbox that somebody else's server keeps (mail-safety §12, §13).

A mail is looked at without being marked, kept durably, and only then moved or marked; how far
that went is remembered at the end. Dying in between repeats a step, and the message key makes the
copies one mail. When the server gives out its UIDs anew, all is looked at anew. A mail that makes
trouble is passed over, by its UID, and tried again.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa

from adapters.db import mailboxes
from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.imap_backlog import Backlog
from adapters.intake.imap_folder import LARGEST, Account, Folder, ImapFolder, is_refusal
from adapters.outage import Outage
from domain.errors import Unavailable
from domain.inbox.acceptance import Admission, Source, Way
from domain.inbox.postponement import Postponed, Trouble
from domain.inbox.stamps import envelope_of

T = TypeVar("T")

LOOK_EVERY = 300.0
"""Seconds after which the folder is looked at whatever the server said. It also renews IDLE, which
servers may end after half an hour (RFC 2177)."""

FIRST_PAUSE = 1.0
"""Seconds, before another attempt to connect, and before a mail is tried again."""

LONGEST_PAUSE = 300.0  # seconds, between attempts to connect

_BATCH = 20
"""Mails after which it is remembered how far it went."""

_DUE_AT_ONCE = 100
"""Mails that are tried again before it is looked whether there are new ones."""

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
        feedback_address: str = "",
        look_every: float = LOOK_EVERY,
        first_pause: float = FIRST_PAUSE,
        now: Callable[[], datetime] = _utc_now,
        open_folder: Callable[[Account], Folder] = ImapFolder,
    ) -> None:
        self._database = database
        self._reception = reception
        self._account = account
        self._mail_domain = mail_domain
        self._feedback_address = feedback_address
        self._look_every = look_every
        self._first_pause = first_pause
        self._now = now
        self._open_folder = open_folder
        # The library blocks; one thread of its own keeps what it does in order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parley-imap")
        self._folder: Folder | None = None
        self._was_fine = False
        self._stopping = asyncio.Event()
        self._backlog = Backlog(first_pause)
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
            await self._begin(folder.uidvalidity)
            while not self._stopping.is_set():
                await self._look(folder)
                self._was_fine = True
                self._outage.over()
                await self._wait(folder)
        finally:
            self._folder = None
            self._thread.submit(folder.close)

    async def _begin(self, uidvalidity: int) -> None:
        name = self._account.name

        def known(c: sa.Connection) -> tuple[int, list[Postponed]]:
            waiting = mailboxes.waiting(c, name, uidvalidity)
            return mailboxes.reached(c, name, uidvalidity), waiting

        self._backlog.begin(uidvalidity, *await self._database.read(known))

    async def _wait(self, folder: Folder) -> None:
        seconds = self._backlog.due_in(self._now(), self._look_every)
        await self._in_thread(lambda: folder.wait(seconds))
        if not folder.has_news:
            await self._rest(seconds)

    async def _look(self, folder: Folder) -> None:
        """Take what is new, then what was passed over and is due again: so whatever a mail does
        to the line, it does not keep the others waiting."""
        await self._remember()  # no mail is fetched for a database that keeps none
        backlog = self._backlog
        above = await self._in_thread(lambda: folder.above(backlog.reached))
        new = [uid for uid in above if uid not in backlog.waiting]
        for first in range(0, len(new), _BATCH):
            batch = new[first : first + _BATCH]
            for uid in batch:
                await self._take(folder, uid)
            backlog.reached = batch[-1]
            await self._remember()
        for uid in backlog.due(self._now(), _DUE_AT_ONCE):
            await self._take(folder, uid)
        if backlog.changed:
            await self._remember()

    async def _take(self, folder: Folder, uid: int) -> None:
        """Raises what says nothing about the mail, once the mail was passed over for it."""
        if not await self._is_kept(folder, uid):
            return
        try:
            await self._in_thread(lambda: folder.settle(uid))
        except Exception as fault:
            self._pass_over(uid, Trouble.SETTLE, fault)
            if not is_refusal(fault):
                raise
        else:
            self._backlog.settle(uid)

    async def _is_kept(self, folder: Folder, uid: int) -> bool:
        """Whether the mail is in the inbox, and left in its folder; kept now, if it can be."""
        entry = self._backlog.waiting.get(uid)
        if entry is not None and entry.is_kept:
            return await self._is_there(folder, uid)
        if entry is not None and await self._is_full(entry.recipients):
            self._pass_over(uid, Trouble.FULL, recipients=entry.recipients)
            return False
        raw = await self._fetched(folder, uid)
        return raw is not None and await self._keep(uid, raw)

    async def _is_there(self, folder: Folder, uid: int) -> bool:
        found = await self._in_thread(lambda: folder.has(uid))
        if not found:
            self._backlog.settle(uid)
        return found

    async def _is_full(self, recipients: tuple[str, ...]) -> bool:
        answers = [await self._reception.look_up(one, _SOURCE) for one in recipients]
        return Admission.FULL in answers

    async def _fetched(self, folder: Folder, uid: int) -> bytes | None:
        """The mail; None for one that is gone, or passed over."""
        try:
            raw = await self._in_thread(lambda: folder.fetch(uid))
        except Exception as fault:
            self._pass_over(uid, Trouble.FETCH, fault)
            if is_refusal(fault):
                return None
            raise
        if raw is None:
            self._backlog.settle(uid)
        return raw

    async def _keep(self, uid: int, raw: bytes) -> bool:
        try:
            envelope = envelope_of(raw, self._mail_domain, self._feedback_address)
            if len(raw) >= LARGEST:
                envelope = envelope.model_copy(update={"holds_all": False})
            outcomes = await self._reception.accept(raw, envelope, _SOURCE)
        except Exception as fault:
            self._pass_over(uid, Trouble.KEEP, fault)
            if isinstance(fault, Unavailable):  # the database's, and so every mail's
                raise
            return False
        if any(one.must_come_again and not one.waits_for_somebody for one in outcomes):
            self._pass_over(uid, Trouble.FULL, recipients=envelope.recipients)
            return False
        if any(one.waits_for_somebody for one in outcomes):
            self._leave(uid)
            return False
        return True

    def _leave(self, uid: int) -> None:
        """Let a mail lie where it is: fetching all of them again and again would be work without
        end. Moved out and in, it is a new one."""
        _log.warning("imap: quarantine has no room; mail %d stays in its folder", uid)
        self._backlog.settle(uid)

    def _pass_over(
        self,
        uid: int,
        trouble: Trouble,
        fault: Exception | None = None,
        recipients: tuple[str, ...] = (),
    ) -> None:
        is_new = self._backlog.postpone(uid, trouble, self._now(), recipients)
        if is_new and trouble is not Trouble.FULL and not self._stopping.is_set():
            said = "imap: mail %d is passed over: %s (%s); it is tried again, with growing pauses"
            _log.warning(said, uid, trouble.value, type(fault).__name__)  # its text may quote

    async def _remember(self) -> None:
        backlog, name, now = self._backlog, self._account.name, self._now()
        told = set(backlog.changed)
        waiting = [backlog.waiting[uid].postponed for uid in told & backlog.waiting.keys()]
        done = told - backlog.waiting.keys()

        def work(c: sa.Connection) -> None:
            mailboxes.reach(c, name, backlog.uidvalidity, backlog.reached, now)
            mailboxes.note(c, name, backlog.uidvalidity, waiting, done)

        await self._database.write(work)
        backlog.changed -= told

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
