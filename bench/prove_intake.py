"""`make prove-intake`: kill the service again and again, and let its database hang, while mail
comes in from senders that try until they are answered.

Every mail whose sender was told yes must be in the inbox once, and must have been taken by its
saga once; nobody may have been refused for good because of a passing fault.
"""

import argparse
import asyncio
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.intake_ground import Ground, fill, opened_ground, remarks
from bench.intake_sender import Letter, Sender
from console.installation import Installation
from domain.inbox.identity import message_key

DOMAIN = "parley.localhost"

_AT_ONCE = 8  # senders
_STANDS_STILL_FOR = 120.0  # seconds
_SECRET = "a secret that only this proof uses, long enough"


@dataclass(frozen=True)
class Plan:
    """How much of everything. `longest` is how many seconds the database may hang."""

    mails: int = 5000
    kills: int = 30
    hangs: int = 4
    meetings: int = 60
    seed: int = 0
    longest: float = 12.0
    lmtp: bool = False
    postgres: bool = False


@dataclass
class Chaos:
    """Kills the service and lets the database hang, so often in all, always amid the mails: no
    kill comes before its share of them, and no mail before its share of the kills."""

    up: Installation
    port: int
    ground: Ground
    plan: Plan
    chance: random.Random
    kills: int = 0
    hangs: int = 0
    delivered: int = 0
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        hang_after = {
            self.plan.kills * (number + 1) // (self.plan.hangs + 1)
            for number in range(self.plan.hangs)
        }
        share = self.plan.mails / self.plan.kills
        while self.kills < self.plan.kills:
            await self._until(lambda: self.delivered >= share * (self.kills + 0.3))
            await asyncio.sleep(self.chance.uniform(0.0, 0.5))
            if self.up.kill_child("service") is None:
                continue
            await self._move(kills=1)
            if self.chance.random() < 0.2:  # and once more, perhaps while it is starting
                await asyncio.sleep(self.chance.uniform(0.5, 3.0))
                self.up.kill_child("service")
            if self.kills in hang_after:
                await self._hang()

    async def _hang(self) -> None:
        while not await _answers(self.port):  # noqa: ASYNC110 -- of another process
            await asyncio.sleep(0.05)
        await self.ground.hang(self.chance.uniform(1.0, self.plan.longest))
        self.hangs += 1

    async def turn_of(self, number: int) -> None:
        """Wait until mail `number` may go."""
        turn = self.plan.kills * number // self.plan.mails
        await self._until(lambda: self.kills >= turn)

    async def is_delivered(self) -> None:
        """One more mail was answered."""
        await self._move(delivered=1)

    async def _move(self, kills: int = 0, delivered: int = 0) -> None:
        async with self.moved:
            self.kills += kills
            self.delivered += delivered
            self.moved.notify_all()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self.moved:
            await self.moved.wait_for(condition)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def prove(plan: Plan, data: Path) -> dict[str, Any]:
    """Send, kill, wait until all is quiet, and count; the findings as one document."""
    started = time.monotonic()
    chance = random.Random(plan.seed)
    with opened_ground(data, postgres=plan.postgres) as ground:
        people = await fill(ground, plan.meetings, _SECRET.encode(), DOMAIN)
        letters = _letters(plan, people, chance)
        lmtp_port = _free_port()
        environment = _environment(plan, ground, lmtp_port)
        async with Installation(data, environment) as up:
            port = lmtp_port if plan.lmtp else up.intake_port
            sender = Sender(port, random.Random(plan.seed + 1), lmtp=plan.lmtp)
            chaos = Chaos(up, port, ground, plan, random.Random(plan.seed + 2))
            await _play(letters, sender, chaos)
            quiet = await _settle(ground)
        report = _count(ground, letters, dict(people))
    faults = ("refused", "lost", "foreign", "untaken", "taken_twice", "inputs_twice")
    report |= {
        "seed": plan.seed,
        "way": "LMTP" if plan.lmtp else "SMTP",
        "database": "PostgreSQL" if plan.postgres else "SQLite",
        "kills": chaos.kills,
        "hangs": chaos.hangs,
        "attempts": sender.attempts,
        "replies": dict(sorted(sender.codes.items())),
        "quiet": quiet,
        "seconds": round(time.monotonic() - started, 1),
    }
    report["ok"] = quiet and not any(report[name] for name in faults)
    return report


def _environment(plan: Plan, ground: Ground, lmtp_port: int) -> dict[str, str]:
    wanted = {"PARLEY_SECRET": _SECRET, "PARLEY_MAIL_DOMAIN": DOMAIN}
    if plan.lmtp:
        wanted["PARLEY_LMTP_PORT"] = str(lmtp_port)
    if plan.postgres:
        wanted["PARLEY_DATABASE_URL"] = ground.url
    return wanted


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _letters(plan: Plan, people: Sequence[tuple[str, str]], chance: random.Random) -> list[Letter]:
    """Each is another mail; one in ten is for several."""
    letters = []
    for number in range(plan.mails):
        count = chance.choice((2, 3)) if chance.random() < 0.1 else 1
        recipients = [address for _, address in chance.sample(people, count)]
        head = f"From: ana@example.org\r\nMessage-ID: <{number}@example.org>\r\nSubject: note\r\n"
        body = "x" * chance.randrange(20, 4000)
        raw = f"{head}\r\nNumber {number}: {body}\r\n".encode()
        letters.append(Letter(raw, recipients))
    return letters


async def _play(letters: Sequence[Letter], sender: Sender, chaos: Chaos) -> None:
    numbered = iter(enumerate(letters))

    async def send() -> None:
        for number, letter in numbered:
            await chaos.turn_of(number)
            await sender.send(letter)
            await chaos.is_delivered()

    async with asyncio.TaskGroup() as group:
        group.create_task(chaos.run())
        for _ in range(_AT_ONCE):
            group.create_task(send())


async def _settle(ground: Ground) -> bool:
    """Wait until every input of a mail was taken; False when none is for too long."""
    least, deadline = None, time.monotonic() + _STANDS_STILL_FOR
    while time.monotonic() < deadline:
        [(waiting,)] = ground.rows(
            "SELECT count(*) FROM inputs WHERE inbox_id IS NOT NULL AND taken_at IS NULL"
        )
        if waiting == 0:
            return True
        if least is None or waiting < least:
            least, deadline = waiting, time.monotonic() + _STANDS_STILL_FOR
        await asyncio.sleep(1.0)
    return False


def _count(ground: Ground, letters: Sequence[Letter], people: dict[str, str]) -> dict[str, Any]:
    """What was said against what is there."""
    tokens = {address: token for token, address in people.items()}
    told = {message_key(tokens[one], each.raw) for each in letters for one in each.accepted}
    rows = ground.rows("SELECT key, copies FROM inbox")
    kept = Counter(key for key, _ in rows)
    inputs = ground.rows("SELECT id, key, effect FROM inputs WHERE inbox_id IS NOT NULL")
    by_mail = Counter(key.split("/")[1] for _, key, _ in inputs)
    decided = Counter(remarks(ground))
    return {
        "mails": len(letters),
        "acknowledged": len(told),
        "repeated": sum(copies > 1 for _, copies in rows),
        "refused": [refusal for each in letters for refusal in each.refusals],
        "lost": sorted(told - kept.keys()),
        "foreign": sorted(kept.keys() - told),
        "inputs_twice": [key for key, times in by_mail.items() if times != 1],
        "untaken": [key for _, key, effect in inputs if effect is None],
        "taken_twice": [key for id, key, _ in inputs if decided[id] != 1],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=Plan.mails)
    parser.add_argument("--kills", type=int, default=Plan.kills)
    parser.add_argument("--hangs", type=int, default=Plan.hangs)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--lmtp", action="store_true", help="send over LMTP instead of SMTP")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, not SQLite")
    plan = Plan(**vars(parser.parse_args()))
    print(f"seed {plan.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-intake-") as data:
        report = asyncio.run(prove(plan, Path(data) / "data"))
    print(json.dumps(report, indent=2))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
