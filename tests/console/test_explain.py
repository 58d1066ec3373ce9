"""What `parley mail explain` answers, file by file."""

import os
import sys
from pathlib import Path

import pytest

from console.explain import explain

KEYS = [
    "file",
    "verdict",
    "method",
    "uid",
    "recurrence_id",
    "sequence",
    "dtstamp",
    "answers",
    "proposal",
    "text",
    "problems",
    "deliveries",
    "complaint",
]
CALENDAR = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20270201T120000Z\r\n"
    b"SEQUENCE:2\r\nATTENDEE;PARTSTAT=DECLINED:mailto:A@Example.org\r\nEND:VEVENT\r\n"
    b"END:VCALENDAR\r\n"
)


def test_every_file_gets_its_object_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_bytes(CALENDAR)
    (tmp_path / "b.eml").write_bytes(b"From: a@example.org\r\n\r\nHello")
    names = [str(tmp_path / "a.ics"), str(tmp_path / "b.eml"), str(tmp_path / "missing.eml")]

    said = list(explain(names))

    assert [list(one) for one in said] == [KEYS] * 3
    assert [one["file"] for one in said] == names
    assert [one["verdict"] for one in said] == ["answer", "note", "unreadable"]
    assert said[0]["dtstamp"] == "2027-02-01T12:00:00Z"
    assert said[0]["sequence"] == 2
    assert said[0]["answers"] == [
        {"attendee": "a@example.org", "partstat": "DECLINED", "comment": None}
    ]
    assert said[1]["sequence"] is None
    assert said[1]["text"] == "Hello"
    assert said[2]["problems"] == ["cannot be opened: no such file"]


def test_a_file_is_told_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "mail.ics").write_bytes(b"From: a@example.org\r\nTo: b@example.org\r\n\r\nHello")
    (tmp_path / "calendar.eml").write_bytes(CALENDAR)

    mail, calendar = explain([tmp_path / "mail.ics", tmp_path / "calendar.eml"])

    assert mail["verdict"] == "note"
    assert calendar["verdict"] == "answer"


def test_what_is_no_file_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.eml")

    said = list(explain([tmp_path / "pipe.eml", tmp_path, "a\0b"]))

    assert [one["verdict"] for one in said] == ["unreadable"] * 3


def test_a_verdict_is_given_even_when_nothing_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr("console.explain.PAUSES", (0.0,))
    (tmp_path / "a.ics").write_bytes(CALENDAR)

    [said] = explain([tmp_path / "a.ics"])

    assert said["verdict"] == "unreadable"
    assert "cannot be read now" in said["problems"][0]
