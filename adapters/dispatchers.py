"""The dispatchers of one process: made when somebody wants one, and watched for operators."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from adapters.db.database import Database
from adapters.outgoing.ports import Mailer, MarkSending, MaySend, Poke
from adapters.outgoing.settlement import Settlement
from domain.outbox.messages import Progress
from domain.outbox.model import Phase, Report
from domain.values import LATEST

_SHOWN = 200  # characters of the reason why nothing leaves


class Sending(Protocol):
    """An `adapters.dispatch.OutboxDispatcher`."""

    async def run(self) -> None: ...

    def stop(self, patience: float) -> None: ...


class Watch:
    """Sees what a dispatcher's mailer and its permission come to, and keeps count."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.progress = Progress(host=socket.gethostname(), process=os.getpid(), since=now())

    def mailer(self, mailer: Mailer) -> Mailer:
        return _WatchedMailer(mailer, self._note)

    def permission(self, may_send: MaySend) -> MaySend:
        """`may_send`, with its reason shown."""

        async def ask() -> str | None:
            reason = await may_send()
            shown = None if reason is None else reason[:_SHOWN]
            if shown != self.progress.held_back:
                self._update(held_back=shown)
            return reason

        return ask

    def _note(self, report: Report) -> None:
        name = _outcome(report)
        self._update(**{name: getattr(self.progress, name) + 1})
        if name != "accepted":
            self._update(last_fault=_fault(report), last_fault_at=self._now())

    def _update(self, **values: object) -> None:
        self.progress = self.progress.model_copy(update=values)


class _WatchedMailer:
    def __init__(self, mailer: Mailer, note: Callable[[Report], None]) -> None:
        self._mailer = mailer
        self._note = note

    async def send(
        self, mail_from: str, recipient: str, raw: bytes, mark_sending: MarkSending
    ) -> Report:
        report = await self._mailer.send(mail_from, recipient, raw, mark_sending)
        self._note(report)
        return report

    async def close(self) -> None:
        await self._mailer.close()


def _outcome(report: Report) -> str:
    """The count of `Progress` that an attempt belongs to."""
    if report.code is None:
        return "unknown" if report.phase is Phase.DOT else "deferred"
    if report.code >= 500:
        return "refused"
    return "deferred" if report.code >= 400 else "accepted"


def _fault(report: Report) -> str:
    """Where and with which code; the words may quote an address."""
    code = "no reply" if report.code is None else str(report.code)
    return f"{code} at {report.phase.value}"


class Watched:
    """A dispatcher and what it has done. `ended` is called when it has run."""

    def __init__(self, sending: Sending, watch: Watch, dispatchers: "Dispatchers") -> None:
        self._sending = sending
        self._watch = watch
        self._dispatchers = dispatchers

    async def run(self) -> None:
        self._dispatchers.running += 1
        try:
            await self._sending.run()
        finally:
            self._dispatchers.running -= 1

    def stop(self, patience: float) -> None:
        self._sending.stop(patience)

    def progress(self) -> Progress:
        return self._watch.progress


class Dispatchers:
    """Makes dispatchers for this process with `build`; any number of them may run at once.

    Before the first, and never again, `take_over` ends the claims that an earlier process left.
    It is given where no other process can be alive, which is so of a SQLite file. A share that
    only moves finds nothing to take over: the claims it sees may be those of its neighbours.
    """

    def __init__(
        self,
        build: Callable[[Watch], Sending],
        take_over: Callable[[], Awaitable[object]] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._build = build
        self._take_over = take_over
        self._taking_over = asyncio.Lock()
        self._now = now
        self.running = 0

    async def engage(self) -> Watched:
        """A new dispatcher, not yet running. Raises what taking over raises, to be tried again."""
        async with self._taking_over:
            if self._take_over is not None:
                await self._take_over()
                self._take_over = None
        watch = Watch(self._now)
        return Watched(self._build(watch), watch, self)


async def take_over(database: Database, poke: Poke, at: datetime) -> None:
    """End every claim, whosever it is: what was not marked is due again, what was marked becomes
    what its `on_unknown` says."""
    settlement = Settlement(database, poke)
    while await settlement.release_lapsed(LATEST, at):
        pass
