"""`parley doctor --send-test` against a real installation: what leaves comes back in."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.catcher.server import Catcher
from adapters.db.opening import open_database
from adapters.doctor.finding import Grade
from adapters.smtp import SmtpMailer
from adapters.smtp_relay import Relay
from adapters.transcript import Transcript
from bench.peers.chaos import ChaosServer
from bench.peers.faults import Deed, Step
from console.installation import Installation
from console.probes import round_trip
from settings import Settings
from tests import needs

ROOT = Path(__file__).parents[2]


async def doctor(data: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "cli.py"), "doctor", "--data", str(data), *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@needs.TEMPORAL
async def test_a_test_mail_goes_out_and_another_comes_back_in(tmp_path: Path) -> None:
    async with Installation(tmp_path / "data") as up:
        status, said = await doctor(up.data, "--send-test", "me@example.org", "--json")
        _, shown = await doctor(up.data, "--send-test", "me@example.org")

        findings: dict[str, dict[str, Any]] = {one["check"]: one for one in json.loads(said)}
        assert status == 0, said
        assert findings["round trip"]["grade"] == "fine"
        assert "came back in by smtp" in findings["round trip"]["said"]
        dialogue = findings["test mail out"]["dialogue"]
        assert dialogue[0].startswith("< 220 ")
        assert "> RCPT TO:<me@example.org>" in dialogue
        assert any(line.endswith(" octets") for line in dialogue)
        assert dialogue[-1].startswith("> QUIT") or dialogue[-1].startswith("< ")
        assert "what was said" in shown
        assert "> RCPT TO:<me@example.org>" in shown


async def test_a_relay_that_swallows_mail_is_found_out(tmp_path: Path, postgres_url: str) -> None:
    """A catcher that hands nothing on takes every mail and lets none come back."""
    catcher = Catcher(tmp_path / "catcher.db")
    await catcher.start()
    settings = Settings(
        database_url=postgres_url, secret="s" * 32, smtp_port=catcher.port, intake_port=1
    )
    await open_database(postgres_url).close()

    found = await round_trip(settings, within=0.5)

    assert found.grade is Grade.FAULT
    assert "did not come back in" in found.said
    assert "Open port 25" in found.advice
    assert found.dialogue
    await catcher.stop()


async def test_a_relay_that_refuses_is_quoted(postgres_url: str) -> None:
    settings = Settings(database_url=postgres_url, secret="s" * 32, smtp_port=1)

    found = await round_trip(settings, within=0.5)

    assert found.grade is Grade.FAULT
    assert "took no mail for ourselves" in found.said


async def test_an_installation_that_does_not_run_is_named(tmp_path: Path) -> None:
    found = await round_trip(Settings(data_dir=tmp_path), within=0.5)

    assert found.grade is Grade.FAULT
    assert "Start Parley" in found.advice


async def test_a_dialogue_shows_no_password(tmp_path: Path) -> None:
    heard = Transcript()
    heard.heard(220, "ready")
    heard.logged_in("AUTH PLAIN")
    heard.sent(b"MAIL FROM:<>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\n")
    heard.heard(354, "go on")
    heard.sent(b"Subject: secret words\r\n\r\n")
    heard.sent(b".\r\n")
    heard.heard(250, "2.0.0 ok\nqueued as 1")

    assert heard.lines == [
        "< 220 ready",
        "> AUTH PLAIN …",
        "> MAIL FROM:<>",
        "> RCPT TO:<ana@example.org>",
        "> DATA",
        "< 354 go on",
        "> … 25 octets",
        "> .",
        "< 250 2.0.0 ok",
        "< 250 queued as 1",
    ]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_a_login_is_overheard_without_its_words(mechanism: str) -> None:
    hello = Deed(f"250-chaos.example\r\n250 AUTH {mechanism}")
    who = ("shop", "open sesame")
    async with ChaosServer({Step.EHLO: [hello]}, credentials=who) as server:
        heard = Transcript()
        relay = Relay("127.0.0.1", server.port, username=who[0], password=who[1])
        mailer = SmtpMailer(relay, transcript=heard)

        async def go_ahead() -> bool:
            return True

        report = await mailer.send("", "ana@example.org", b"Subject: x\r\n\r\n", go_ahead)
        await mailer.close()

    assert report.code == 250, heard.lines
    assert f"> AUTH {mechanism} …" in heard.lines
    assert not any("sesame" in line or "b3Bl" in line for line in heard.lines)
