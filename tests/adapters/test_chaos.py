"""The server that judges others: what it says it has is what it has, also after it was killed."""

import asyncio
import sys
from pathlib import Path

import pytest

from adapters.smtp import Relay, SmtpMailer
from bench.peers.chaos import ChaosServer
from bench.peers.faults import FAULTS, Chances, Step
from bench.peers.taken import copies, read_log

ROOT = Path(__file__).parents[2]


async def send(mailer: SmtpMailer, number: int) -> int | None:
    async def mark() -> bool:
        return True

    raw = f"Message-ID: <{number}@x>\r\n\r\nhello\r\n".encode()
    return (await mailer.send("b+a@parley.example", "ana@example.org", raw, mark)).code


async def test_its_log_outlives_it(tmp_path: Path) -> None:
    log = tmp_path / "taken.jsonl"
    command = ("-m", "bench.peers.chaos", "--log", str(log), "--chance", "dot-taken-close=1")
    server = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    port = int(await server.stdout.readline())
    mailer = SmtpMailer(Relay("127.0.0.1", port, timeout=10))

    codes = [await send(mailer, number) for number in (1, 2, 2)]
    server.kill()
    await server.wait()

    assert codes == [None, None, None]
    mails = read_log(log)
    assert copies(mails) == {"<1@x>": 1, "<2@x>": 2}
    assert len({mail.digest for mail in mails}) == 2
    assert [(mail.recipients, mail.said) for mail in mails] == [(("ana@example.org",), "")] * 3


async def test_a_log_without_mails_is_empty(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none") == []


async def test_scripts_come_first_and_chances_after(tmp_path: Path) -> None:
    script = {Step.DOT: [FAULTS["dot-5xx"][1]]}
    log = tmp_path / "taken.jsonl"
    async with ChaosServer(script, chances={"dot-4xx": 1.0}, log=log) as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port, timeout=10))
        codes = [await send(mailer, 1), await send(mailer, 1)]
        await mailer.close()

    assert codes == [550, 451]
    assert (server.taken, read_log(log)) == ([], [])


def test_a_fault_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        Chances({"dot-6xx": 0.5}, seed=1)


def test_chances_are_the_same_for_the_same_seed() -> None:
    chances = Chances({"dot-4xx": 0.5}, seed=1), Chances({"dot-4xx": 0.5}, seed=1)

    assert [chances[0].pick(Step.DOT) for _ in range(50)] == [
        chances[1].pick(Step.DOT) for _ in range(50)
    ]
