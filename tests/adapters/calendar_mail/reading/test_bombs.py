"""No mail may cost more than a mail."""

import time

import pytest

from adapters.calendar_mail.reading.reader import read_mail
from domain.inbox.model import Verdict
from tests.adapters.calendar_mail.reading.bombs import BOMBS

_MOST_SECONDS = 5.0  # of processor time, as in the sandbox; measured below one


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_even_without_the_sandbox(name: str) -> None:
    raw = BOMBS[name]()
    began = time.process_time()

    reading = read_mail(raw)

    assert time.process_time() - began < _MOST_SECONDS
    assert reading.verdict in Verdict
    assert len(reading.model_dump_json()) < 100_000


def test_an_answer_survives_the_ballast_around_it() -> None:
    assert read_mail(BOMBS["10,000 events"]()).answers[0].partstat == "ACCEPTED"
    assert read_mail(BOMBS["a zone that changes every second"]()).proposal is None
    assert read_mail(BOMBS["an alarm that repeats for ever"]()).verdict is Verdict.ANSWER
