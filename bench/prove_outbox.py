"""`make prove-outbox`: kill dispatchers, Temporal and connections at random while mail goes out.

The relay defers, refuses, hangs and breaks off at every step, with and without having taken the
mail. In the end every message is there or failed with a reason, and is there twice only where as
many attempts said `uncertain` and its kind wanted it sent once more (or a person did); copies
are the same to the octet.
"""

import argparse
import asyncio
import contextlib
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from adapters.db import message_deeds, outbox
from adapters.db.opening import open_database
from adapters.supervisor.ports import choose_ports
from adapters.temporal.dev_server import DevServer
from adapters.temporal.server import ensure_server
from bench.intake_ground import Ground, Server, opened_ground
from bench.outbox_host import LEASE
from bench.outbox_verdict import ATTEMPTS, MESSAGES, Message, Verdict, by_phase, judge, messages_of
from bench.peers.taken import copies, read_log
from bench.victims import Storm, Victim
from domain.commands import Submission
from domain.outbox.model import Draft
from domain.outbox.transitions import Deed
from domain.postage import OnUnknown, Postage
from tests.patience import until

FAULTS: Mapping[str, float] = {
    **{"rcpt-4xx": 0.1, "data-4xx": 0.02, "dot-4xx": 0.08},  # together a fifth
    **{"rcpt-5xx": 0.03, "dot-5xx": 0.02},
    **{"greeting-421": 0.02, "mail-421": 0.003, "rcpt-421": 0.003, "dot-421": 0.006},
    **{"greeting-close": 0.01, "mail-close": 0.005, "rcpt-reset": 0.005, "data-close": 0.01},
    **{"data-reset": 0.005, "body-close": 0.005, "body-reset": 0.005, "body-421": 0.005},
    **{"dot-close": 0.01, "dot-reset": 0.005, "dot-taken-close": 0.01, "dot-taken-reset": 0.005},
    **{"greeting-hang": 0.005, "mail-hang": 0.001, "rcpt-hang": 0.001, "data-hang": 0.002},
    **{"body-hang": 0.002, "dot-hang": 0.004, "dot-taken-hang": 0.004, "idle-close": 0.01},
    "dot-taken-garbage": 0.002,
}
"""Of each occasion of their step."""

_DOMAINS = 200
_SECRET = "a secret that only this proof uses, long enough"
_WISHES = (OnUnknown.RESEND_ONCE, OnUnknown.HOLD)
_UNSETTLED = "SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'failed', 'uncertain')"
_DOUBTFUL = "SELECT id FROM outbox WHERE state = 'uncertain'"


@dataclass(frozen=True)
class Plan:
    """How much of everything. With `postgres` four processes as on two hosts have a share each;
    a SQLite file belongs to one, which then has all four. The dispatchers' clock runs `speed` times
    faster than ours."""

    messages: int = 5000
    seed: int = 0
    postgres: bool = False
    within: float = 420.0  # seconds in which everything must be settled
    speed: float = 120.0


@dataclass
class Findings:
    """What was seen, and what it means."""

    verdict: Verdict
    table: str
    states: Counter[str]
    doubtful: int  # messages that a person sent once more in the end
    deeds: Counter[str]
    seconds: float


class Proof:
    """One variant of the proof in a directory of its own."""

    def __init__(self, plan: Plan, folder: Path, ground: Ground) -> None:
        self._plan = plan
        self._folder = folder
        self._ground = ground
        folder.mkdir(exist_ok=True)
        self._epoch = time.time()
        wanted = {"temporal": 0, "temporal-ui": 0, "relay": 0}
        self._ports = choose_ports(folder / "proof-ports.json", wanted)
        self._log = folder / "taken.jsonl"
        self._server = DevServer(
            ensure_server(), folder, self._ports["temporal"], self._ports["temporal-ui"], "default"
        )

    async def run(self) -> Findings:
        begun = time.monotonic()
        await self._fill()
        temporal, decider = self._temporal(), self._decider()
        async with running([temporal]):
            await self._server.prepare()
            async with running([decider]):
                deeds = await self._in_the_storm(temporal, decider)
                doubtful = await self._release()
                await self._in_the_calm()
        messages, taken = self._messages(), read_log(self._log)
        return Findings(
            judge(messages, taken, lambda raw: hashlib.sha256(raw).hexdigest()),
            by_phase(messages, copies(taken)),
            Counter(message.state for message in messages),
            doubtful,
            deeds,
            time.monotonic() - begun,
        )

    async def _fill(self) -> None:
        database = open_database(self._ground.url)
        at = datetime.fromtimestamp(self._epoch, UTC)
        for first in range(0, self._plan.messages, 500):
            numbers = range(first, min(first + 500, self._plan.messages))

            def enqueue(c: sa.Connection, numbers: Sequence[int] = numbers) -> list[int]:
                return [outbox.enqueue(c, "main", _draft(number), at) for number in numbers]

            await database.write(enqueue)
        await database.close()

    async def _in_the_storm(self, temporal: Victim, decider: Victim) -> Counter[str]:
        hosts = self._hosts()
        storm = Storm(
            {temporal: 1.0, decider: 0.5, **{host: 6.0 / len(hosts) for host in hosts}},
            random.Random(self._plan.seed + 1),
            suspends_for=LEASE + 2,
        )
        async with running([self._relay(FAULTS), *hosts]):
            killing = asyncio.create_task(storm.run())
            if isinstance(self._ground, Server):
                await self._until_half_is_done()
                await self._ground.crash()
                storm.deeds["crashed PostgreSQL"] += 1
            await self._until_settled()
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        return storm.deeds

    async def _in_the_calm(self) -> None:
        async with running([self._relay({}), *self._hosts()]):
            await self._until_settled()

    async def _until_half_is_done(self) -> None:
        half = self._plan.messages / 2
        await until(lambda: self._count(_UNSETTLED) < half, within=self._plan.within, every=0.2)

    async def _until_settled(self) -> None:
        """Wait until there is nothing left to do; what is then unsettled is for the verdict."""
        with contextlib.suppress(TimeoutError):
            await until(lambda: self._count(_UNSETTLED) == 0, within=self._plan.within, every=0.5)

    async def _release(self) -> int:
        """A person has all that is in doubt sent once more."""
        database = open_database(self._ground.url)
        ids = [id for (id,) in self._ground.rows(_DOUBTFUL)]
        for id in ids:
            asked = _submission(id, datetime.fromtimestamp(self._epoch, UTC))
            await database.write(
                lambda c, asked=asked, id=id: message_deeds.act(  # type: ignore[misc]  # bound early
                    c, asked, id, Deed.RELEASE, "the proof", "parley.example"
                )
            )
        await database.close()
        return len(ids)

    def _count(self, query: str) -> int:
        # PostgreSQL may just be crashing.
        with contextlib.suppress(Exception):
            return int(self._ground.rows(query)[0][0])
        return self._plan.messages

    def _messages(self) -> list[Message]:
        return messages_of(self._ground.rows(MESSAGES), self._ground.rows(ATTEMPTS))

    def _temporal(self) -> Victim:
        return self._victim("Temporal", self._server.command(), {})

    def _decider(self) -> Victim:
        """The saga worker, which needs no database."""
        command = [sys.executable, str(Path(__file__).parents[1] / "cli.py"), "worker"]
        variables = self._variables(self._folder) | {"PARLEY_DATABASE_URL": ""}
        return self._victim("saga worker", command, variables)

    def _relay(self, faults: Mapping[str, float]) -> Victim:
        command = [sys.executable, "-m", "bench.peers.chaos", "--port", str(self._ports["relay"])]
        command += ["--log", str(self._log), "--seed", str(self._plan.seed)]
        for name, chance in faults.items():
            command += ["--chance", f"{name}={chance}"]
        return self._victim("relay", command, {})

    def _hosts(self) -> list[Victim]:
        command = [sys.executable, "-m", "bench.outbox_host", str(self._epoch)]
        command.append(str(self._plan.speed))
        if not self._plan.postgres:
            return [self._host("service", command, self._folder)]
        found = []
        for number in range(4):
            data = self._folder / f"host-{number // 2 + 1}"
            data.mkdir(exist_ok=True)
            found.append(self._host(f"dispatcher {number + 1}", command, data))
        return found

    def _host(self, name: str, command: Sequence[str], data: Path) -> Victim:
        health = data / f"{name.replace(' ', '-')}.alive"
        variables = self._variables(data) | {"PARLEY_HEALTH_FILE": str(health)}
        return self._victim(name, command, variables, health)

    def _variables(self, data: Path) -> dict[str, str]:
        return {
            "PARLEY_DATA_DIR": str(data),
            "PARLEY_DATABASE_URL": self._ground.url if self._plan.postgres else "",
            "PARLEY_SECRET": _SECRET,
            "PARLEY_SMTP_PORT": str(self._ports["relay"]),
            "PARLEY_DISPATCHERS": "4",
            "PARLEY_TEMPORAL_ADDRESS": self._server.address,
            "PARLEY_LOG_LEVEL": "INFO",
        }

    def _victim(
        self,
        name: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        health: Path | None = None,
    ) -> Victim:
        log = self._folder / f"{name.replace(' ', '-')}.log"
        return Victim(name, command, log, variables, health)


@asynccontextmanager
async def running(victims: Sequence[Victim]) -> AsyncIterator[None]:
    """All of them, until the block ends; the first, which the others need, is stopped last."""
    for victim in victims:
        victim.start()
    try:
        yield
    finally:
        await asyncio.gather(*(victim.stop() for victim in victims[1:]))
        await victims[0].stop()


def _draft(number: int) -> Draft:
    message_id = f"<{number}@proof.parley.example>"
    body = f"Number {number}\r\n" + "." * (number % 3) + "x" * (number % 900) + "\r\n"
    return Draft(
        kind="proof.letter",
        subject=f"proof/{number}",
        occasion="1",
        recipient=f"person{number}@domain{number % _DOMAINS}.example",
        party=None,
        mail_from=f"b+{'a' * 26}@parley.example",
        message_id=message_id,
        raw=f"Message-ID: {message_id}\r\nSubject: proof\r\n\r\n{body}".encode(),
        postage=Postage(on_unknown=_WISHES[number % 2]),
    )


def _submission(id: int, at: datetime) -> Submission:
    return Submission(
        id=f"release-{id}",
        owner="main",
        kind="message.release",
        route="proof",
        key=str(id),
        fingerprint="",
        data={},
        at=at + timedelta(seconds=1),
    )


async def prove(plan: Plan, folder: Path) -> Findings:
    """Run one variant. Raises `RuntimeError` where PostgreSQL is wanted and not installed."""
    with opened_ground(folder, postgres=plan.postgres) as ground:
        return await Proof(plan, folder, ground).run()


def show(plan: Plan, found: Findings) -> None:
    verdict = found.verdict
    print(f"\n## {'PostgreSQL' if plan.postgres else 'SQLite'}, seed {plan.seed}\n")
    print(found.table)
    print(f"\n{verdict.messages} messages in {found.seconds:.0f} s: {verdict.delivered} delivered,")
    print(f"{verdict.failed} failed; states {dict(found.states)};")
    print(f"{found.doubtful} were in doubt, and sent once more by a person's decision;")
    print(f"{verdict.allowed} copies beyond the first, each after an attempt that said so.")
    print(f"{dict(sorted(found.deeds.items()))}")
    for what in ("lost", "unsettled", "doubled", "altered", "foreign"):
        names = getattr(verdict, what)
        print(f"{what}: {len(names)} {' '.join(names[:10])}")


def _variants(arguments: argparse.Namespace) -> Iterator[Plan]:
    for postgres in (False, True):
        if arguments.only in (None, "postgres" if postgres else "sqlite"):
            yield Plan(arguments.messages, arguments.seed, postgres)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    is_well = True
    for plan in _variants(arguments):
        with tempfile.TemporaryDirectory(prefix="parley-outbox-") as folder:
            found = asyncio.run(prove(plan, Path(folder) / "data"))
        show(plan, found)
        is_well = is_well and found.verdict.is_well
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
