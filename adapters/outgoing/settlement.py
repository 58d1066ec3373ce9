"""What attempts came to, written down, and told to whom it concerns."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from adapters.db import lanes, outbox_results
from adapters.db.batching import Batched
from adapters.db.database import Database
from adapters.db.fates import Fate, tell_sagas
from adapters.db.outbox_claims import Held
from adapters.db.outbox_results import Result
from adapters.outage import Outage
from adapters.outgoing.ports import Poke
from domain.outbox.model import MessageState
from domain.outbox.pacing import Lane, asks_for_less

_log = logging.getLogger(__name__)


class Settlement:
    """Writes results, as many at a time as there are; `counts` is how many of each state."""

    def __init__(self, database: Database, poke: Poke) -> None:
        self.counts: Counter[MessageState] = Counter()
        self._database = database
        self._poke = poke
        self._unwritten: dict[Held, Result] = {}
        self._results = Batched(self._write)
        self._settling = Outage(_log, "outbox: writing results")

    async def settle(self, result: Result) -> None:
        """Write it, however long that takes: what the server said is known only here."""
        held = Held(result.claim.id, result.claim.token)
        self._unwritten[held] = result
        await self._settling.outlast(lambda: self._results.ask(result), pause=0.5)
        del self._unwritten[held]

    async def release_lapsed(self, before: datetime, at: datetime) -> int:
        """Settle what dispatchers left whose leases ended by `before`; how many there were."""

        def work(c: sa.Connection) -> tuple[int, list[str]]:
            fates = outbox_results.release_lapsed(c, before, at)
            return len(fates), tell_sagas(c, fates)

        released, told = await self._database.write(work)
        await self.poke(told)
        return released

    async def poke(self, streams: Sequence[str]) -> None:
        for stream in streams:
            try:
                await self._poke(stream)
            except Exception as fault:  # the input is committed; the relay pokes again
                _log.warning("outbox: %s was not poked: %s", stream, type(fault).__name__)

    async def write_unwritten(self) -> None:
        """A result written twice counts once, so one under way may be among them."""
        results, self._unwritten = list(self._unwritten.values()), {}
        try:
            if results:
                await self._write(results)
        except Exception as fault:  # they become uncertain: nobody else knows what they came to
            _log.error("outbox: %d results are lost: %s", len(results), type(fault).__name__)

    async def _write(self, results: Sequence[Result]) -> list[None]:
        def work(c: sa.Connection) -> tuple[list[Fate], list[str], list[Lane]]:
            stands = outbox_results.finish(c, results)
            fates = [
                _fate(one, stands[held])
                for one in results
                if (held := Held(one.claim.id, one.claim.token)) in stands
            ]
            return fates, tell_sagas(c, fates), _tell_lanes(c, results)

        fates, told, backing = await self._database.write(work)
        self.counts.update(fate.state for fate in fates)
        for lane in backing:
            _log.warning(
                "outbox: %s asked for less mail and gets none until %s",
                lane.name,
                lane.backs_off_until,
            )
        await self.poke(told)
        return [None] * len(results)


def _tell_lanes(c: sa.Connection, results: Sequence[Result]) -> list[Lane]:
    slower: dict[str, str] = {}
    taken: set[str] = set()
    for one in results:
        words = asks_for_less(one.report)
        if words is not None:
            slower[one.claim.domain] = words
        elif one.claim.troubled and one.ruling.state is MessageState.SENT:
            taken.add(one.claim.domain)
    if not slower and not taken:
        return []
    return lanes.tell(c, slower, taken, max(one.at for one in results))


def _fate(result: Result, state: MessageState) -> Fate:
    claim = result.claim
    return Fate(claim.id, claim.kind, claim.subject, claim.party, state, result.at)
