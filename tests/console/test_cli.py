"""Promises of the `parley` command, without starting anything that stays."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from adapters.db.opening import open_database
from adapters.intake.accepting import Reception
from cli import app
from domain.inbox.acceptance import Envelope, Source, Way
from tests.adapters.intake.letters import DOMAIN, address, given_a_meeting, read

ANSWER = """\
From: Ada <ada@example.org>
To: r+abcdefghijklmnopqrstuvwxyz@parley.localhost
Subject: Accepted: Tea
Message-ID: <1@example.org>
MIME-Version: 1.0
Content-Type: text/calendar; method=REPLY; charset=utf-8

BEGIN:VCALENDAR
VERSION:2.0
METHOD:REPLY
BEGIN:VEVENT
UID:8b6e@example.org
SEQUENCE:0
DTSTAMP:20270101T090000Z
DTSTART:20270301T090000Z
DTEND:20270301T100000Z
ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.org
END:VEVENT
END:VCALENDAR
"""


def parley(*arguments: object, status: int = 0) -> str:
    """What the command says on stdout and stderr, once it ended with `status`."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == status, done.output
    return done.output


def commands() -> list[tuple[str, ...]]:
    groups = {
        "key": ("create", "list", "revoke"),
        "mail": ("explain", "quarantine", "replay", "discard"),
    }
    single = [
        (str(c.name or c.callback.__name__.replace("_", "-")),)
        for c in app.registered_commands
        if c.callback
    ]
    return single + [(group, name) for group, names in groups.items() for name in names]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    click = typer.main.get_command(app)
    command: Any = click
    for name in path:
        command = command.commands[name]

    assert command.help
    assert "--help" in parley(*path, "--help")


@pytest.mark.parametrize(
    "path",
    [p for p in commands() if p[0] in {"up", "demo", "doctor", "migrate", "key", "mail"}],
    ids=" ".join,
)
def test_commands_for_people_show_an_example(path: tuple[str, ...]) -> None:
    shown = " ".join(parley(*path, "--help").split())

    assert "Example" in shown
    assert f"parley {' '.join(path)}" in shown


@pytest.mark.parametrize("part", ["api", "intake"])
def test_a_part_alone_refuses_the_embedded_database_and_says_what_to_do(
    part: str, tmp_path: Path
) -> None:
    said = parley(part, "--data", tmp_path, status=1)

    assert "needs PostgreSQL" in said
    assert "parley up" in said


def test_keys_can_be_made_listed_and_revoked_while_nothing_runs(tmp_path: Path) -> None:
    made = json.loads(
        parley("key", "create", "shop", "--scope", "meetings:write", "--data", tmp_path, "--json")
    )
    assert "revoked" in parley("key", "revoke", made["id"], "--data", tmp_path)

    [listed] = json.loads(parley("key", "list", "--data", tmp_path, "--json"))
    assert (listed["id"], listed["name"]) == (made["id"], "shop")
    assert listed["revoked_at"] is not None
    assert "key" not in listed
    assert "revoked" in parley("key", "list", "--data", tmp_path)


def test_an_unknown_scope_is_refused_with_those_there_are(tmp_path: Path) -> None:
    said = parley("key", "create", "x", "--scope", "everything", "--data", tmp_path, status=1)

    assert "meetings:read" in said


def test_an_unknown_key_cannot_be_revoked(tmp_path: Path) -> None:
    assert "no such key" in parley("key", "revoke", "nothing", "--data", tmp_path, status=1)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    assert parley("migrate", "--data", tmp_path) == parley("migrate", "--data", tmp_path)


def test_mail_explain_prints_one_object_per_file_and_line(tmp_path: Path) -> None:
    answer, noise = tmp_path / "answer.eml", tmp_path / "noise.eml"
    answer.write_text(ANSWER)
    noise.write_bytes(bytes(range(256)))

    lines = parley("mail", "explain", answer, noise, tmp_path / "missing.ics").splitlines()

    first, second, third = (json.loads(line) for line in lines)
    assert first["verdict"] == "answer"
    assert [line["attendee"] for line in first["answers"]] == ["ada@example.org"]
    assert second["file"] == str(noise)
    assert third["verdict"] == "unreadable"
    assert third["problems"]


def test_the_doctor_names_each_fault_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("PARLEY_SMTP_PORT", "1")
    monkeypatch.setenv("PARLEY_INTAKE_PORT", "1")

    findings = {
        f["check"]: f for f in json.loads(parley("doctor", "--data", tmp_path, "--json", status=1))
    }

    for check in ("database", "temporal", "SMTP relay", "intake"):
        assert findings[check]["grade"] == "fault", check
        assert findings[check]["advice"], check
    assert not list(tmp_path.iterdir()), "looking must not create anything"


def test_the_doctor_refuses_a_bad_address_before_it_sends_anything(tmp_path: Path) -> None:
    said = parley("doctor", "--data", tmp_path, "--send-test", "not an address", status=1)

    assert "mail address" in said


def test_the_quarantine_is_worked_off_by_command(tmp_path: Path) -> None:
    database = tmp_path / "data" / "parley.db"
    asyncio.run(_quarantine(f"sqlite:///{database}"))

    [mail] = json.loads(parley("mail", "quarantine", "--json", "--data", database.parent))
    assert (mail["id"], mail["reason"], mail["state"]) == ("q1", "nobody", "kept")
    assert "q1" in parley("mail", "quarantine", "--data", database.parent)
    refused = parley("mail", "replay", "q1", "--data", database.parent, status=1)
    assert "token address" in refused
    assert "discarded" in parley("mail", "discard", "q1", "--data", database.parent)
    assert "Nothing" in parley("mail", "quarantine", "--data", database.parent)
    assert "no such mail" in parley("mail", "discard", "q7", "--data", database.parent, status=1)
    assert "no state" in parley("mail", "quarantine", "--state", "x", status=1)


def test_each_command_has_a_mail_read_once_more(tmp_path: Path) -> None:
    database = tmp_path / "data" / "parley.db"
    asyncio.run(_unreadable(f"sqlite:///{database}"))

    [mail] = json.loads(parley("mail", "quarantine", "--json", "--data", database.parent))
    assert (mail["id"], mail["state"], mail["replays"]) == ("m1", "read", 0)
    assert "unread" in parley("mail", "replay", "m1", "--data", database.parent)


async def _unreadable(url: str) -> None:
    Path(url.removeprefix("sqlite:///")).parent.mkdir()
    database = open_database(url, migrate=True)
    await given_a_meeting(database)
    envelope = Envelope(mail_from="ana@example.org", recipients=(address(),))
    await Reception(database, DOMAIN).accept(b"x\r\n", envelope, Source(way=Way.IMAP))
    await read(database)
    await database.close()


async def _quarantine(url: str) -> None:
    Path(url.removeprefix("sqlite:///")).parent.mkdir()
    database = open_database(url, migrate=True)
    envelope = Envelope(mail_from="ana@example.org", recipients=())
    await Reception(database, "parley.localhost").accept(b"x\r\n", envelope, Source(way=Way.IMAP))
    await database.close()
