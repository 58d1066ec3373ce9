"""`make prove-restart`: kill everything at random while fifty meetings are being agreed.

Every meeting must end as the pure model says for the order in which its answers were acknowledged;
every message must be at the receiver once. Where the outbox itself says `uncertain`, of a message
or of an attempt, there may be more or less: a message in doubt may be missing ("unknown"), and its
meeting must have been told; one with a calendar object goes out once more, so there may be two
("copies").
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bench.restart_script import Script
from console.installation import Installation

CHILDREN = ("temporal", "service", "worker")
_SETTLES_WITHIN = 240.0  # seconds


class Chaos:
    """Kills a child or the supervisor every few seconds until told to stop."""

    def __init__(self, up: Installation, chance: random.Random, at_least: int) -> None:
        self._up = up
        self._chance = chance
        self._at_least = at_least
        self.kills: Counter[str] = Counter()
        self.enough = asyncio.Event()

    async def run(self, done: asyncio.Event) -> None:
        """Go on until `done`, and until there were enough kills."""
        while not (done.is_set() and self.enough.is_set()):
            await asyncio.sleep(self._chance.uniform(1.0, 5.0))
            await self._kill(self._chance.choice([*CHILDREN, "supervisor"]))
            if self.kills.total() >= self._at_least:
                self.enough.set()

    async def _kill(self, name: str) -> None:
        if name == "supervisor":
            await self._up.kill()
            await self._up.start()
        elif not self._up.kill_child(name):
            return
        self.kills[name] += 1
        print(f"  kill -9 {name}", flush=True)


async def prove(meetings: int, kills: int, seed: int, data: Path) -> dict[str, Any]:
    """Play, kill, wait until all is quiet, and compare; the findings as one document."""
    chance = random.Random(seed)
    started = time.monotonic()
    async with Installation(data) as up, up.client() as http:
        scripts = _scripts(meetings, up, http, chance)
        chaos = await _play(up, scripts, random.Random(seed + 1), kills)
        await _settle(up)
        wrong = [await _compare(script, http) for script in scripts]
    mails = _count_mails(up)
    report = {
        "seed": seed,
        "meetings": meetings,
        "answers": sum(len(script.acknowledged) for script in scripts),
        "kills": dict(chaos.kills),
        "wrong": [finding for finding in wrong if finding],
        **mails,
        "seconds": round(time.monotonic() - started, 1),
    }
    report["untold"] = _untold(up)
    faults = ("wrong", "missing", "doubled", "foreign", "untold")
    report["ok"] = not any(report[name] for name in faults)
    return report


def _scripts(
    count: int, up: Installation, http: httpx.AsyncClient, chance: random.Random
) -> list[Script]:
    base = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return [
        Script(number, up, http, random.Random(chance.random()), base + timedelta(hours=1))
        for number in range(count)
    ]


async def _play(
    up: Installation, scripts: list[Script], chance: random.Random, kills: int
) -> Chaos:
    chaos, done = Chaos(up, chance, kills), asyncio.Event()
    room = asyncio.Semaphore(12)

    async def play(script: Script) -> None:
        async with room:
            await script.play()

    async def play_all() -> None:
        await asyncio.gather(*(play(script) for script in scripts))
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(chaos.run(done))
        group.create_task(play_all())
    return chaos


# At one instant: a message that becomes uncertain leaves the one count and enters the other.
_UNSETTLED = """
    SELECT (SELECT count(*) FROM inputs WHERE taken_at IS NULL),
           (SELECT count(*) FROM outbox
            WHERE state NOT IN ('sent', 'failed', 'uncertain', 'expired', 'suppressed'))
"""


async def _settle(up: Installation) -> None:
    """Wait until every input has an outcome and every message is in a final state."""
    deadline = time.monotonic() + _SETTLES_WITHIN
    while time.monotonic() < deadline:
        [(waiting, unsent)] = up.query("parley.db", _UNSETTLED)
        if waiting == 0 and unsent == 0:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"not quiet in time: {waiting} inputs, {unsent} messages")


async def _compare(script: Script, http: httpx.AsyncClient) -> str | None:
    """What differs between the system and the model, or None."""
    state, types = script.model()
    meeting = (await http.get(f"/meetings/{script.meeting_id}")).json()
    expected = {
        "status": state.status.value,
        "sequence": state.sequence,
        "answers": [party.partstat.value for party in state.parties],
    }
    found = {
        "status": meeting["status"],
        "sequence": meeting["sequence"],
        "answers": [party["partstat"] for party in meeting["parties"]],
    }
    events = script.installation.query(
        "parley.db",
        # That a mail is in doubt is a fact of the kills, not of what people did.
        "SELECT type FROM journal WHERE stream = ? AND type <> 'PartyUnreachable' ORDER BY version",
        f"meeting/{script.meeting_id}",
    )
    happened = [event for (event,) in events]
    if found == expected and happened == types:
        return None
    return f"{script.meeting_id}: {found} {happened}, but the model says {expected} {types}"


# A copy only where an earlier attempt says that nobody knows, and the kind of mail allows it.
_RESENT = """
    SELECT message_id, resends FROM outbox
    WHERE resends > 0 AND on_unknown = 'resend-once'
          AND id IN (SELECT message_id FROM outbox_attempts WHERE state = 'uncertain')
"""


def _count_mails(up: Installation) -> dict[str, Any]:
    """Every message of the outbox against what the receiver holds, by Message-ID."""
    outbox = dict(up.query("parley.db", "SELECT message_id, state FROM outbox"))
    caught: Counter[str] = Counter(
        {
            str(name): n
            for name, n in up.query(
                "catcher.db", "SELECT message_id, count(*) FROM mails GROUP BY message_id"
            )
        }
    )
    sent = [name for name, state in outbox.items() if state == "sent"]
    certain = {name for name, state in outbox.items() if state != "uncertain"}
    allowed = {name: 1 + resends for name, resends in up.query("parley.db", _RESENT)}
    return {
        "messages": len(outbox),
        "states": dict(Counter(outbox.values())),
        "missing": [name for name in sent if caught[name] == 0],
        "unknown": [name for name in outbox.keys() - certain if caught[name] == 0],
        "copies": [name for name in allowed if caught[name] > 1],
        "doubled": [name for name in outbox if caught[name] > allowed.get(name, 1)],
        "foreign": [name for name in caught if name not in outbox],
    }


def _untold(up: Installation) -> list[str]:
    """Messages in doubt that their meeting has not put into its journal."""
    found = up.query(
        "parley.db",
        """
        SELECT message_id FROM outbox
        WHERE state = 'uncertain' AND party IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM inputs WHERE key = 'outbox/' || outbox.id || '/uncertain'
                                   AND effect = 'applied')
        """,
    )
    return [name for (name,) in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meetings", type=int, default=50)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-restart-") as data:
        report = asyncio.run(
            prove(arguments.meetings, arguments.kills, arguments.seed, Path(data) / "data")
        )
    print(json.dumps(report, indent=2))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
