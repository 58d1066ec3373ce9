"""The whole text of every letter, kept so that a change of wording or structure is seen."""

import pytest

from domain.meetings.letters import LetterKind
from tests.adapters.calendar_mail.writing.rewrite_golden import golden
from tests.adapters.calendar_mail.writing.samples import card, compose, letter, writer


@pytest.mark.parametrize("kind", LetterKind)
def test_a_letter_reads_as_it_always_did(kind: LetterKind) -> None:
    assert compose(kind) == golden(kind).read_bytes()


@pytest.mark.parametrize("kind", LetterKind)
def test_equal_letters_give_equal_drafts(kind: LetterKind) -> None:
    again = writer().compose(letter(kind), card())

    assert writer().compose(letter(kind), card()) == again
