"""What clients really send, file by file. `expected.json` says why each is there and which part
of the reading it must give; the files were written for Parley after the quirks of each client."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.calendar_mail.reading.reader import read_calendar, read_mail
from adapters.calendar_mail.sandbox.client import Sandbox
from console.explain import explained

CORPUS = Path(__file__).parents[1] / "corpus"
CASES: dict[str, dict[str, Any]] = json.loads((CORPUS / "expected.json").read_text("utf-8"))


def difference(expected: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """The keys of `expected` that `shown` does not meet. `problems` are pieces that some problem
    holds, `text` is a piece of the text; an empty one means that there must be none."""
    return {key: shown[key] for key, value in expected.items() if not _met(key, value, shown[key])}


def _met(key: str, value: Any, found: Any) -> bool:
    if key == "problems" and value:
        return all(any(piece in problem for problem in found) for piece in value)
    if key == "text" and value:
        return bool(value in found)
    return bool(value == found)


@pytest.mark.parametrize("name", CASES)
def test_a_clients_message_is_understood(name: str) -> None:
    raw = (CORPUS / name).read_bytes()
    reading = read_calendar(raw) if name.endswith(".ics") else read_mail(raw)

    shown = explained(name, reading)

    assert difference(CASES[name]["expect"], shown) == {}, CASES[name]["why"]


async def test_the_sandbox_reads_the_same() -> None:
    async with Sandbox() as sandbox:
        for name in list(CASES)[::7]:
            raw = (CORPUS / name).read_bytes()

            assert await sandbox.read(raw) == read_mail(raw)


def test_every_file_of_the_corpus_is_expected_to_mean_something() -> None:
    files = {str(path.relative_to(CORPUS)) for path in CORPUS.glob("*/*")}

    assert files == set(CASES)
