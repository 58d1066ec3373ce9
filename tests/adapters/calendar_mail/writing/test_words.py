"""What letters say, to whom, and where their links lead."""

import pytest

from adapters.calendar_mail.writing.errors import CannotWrite
from adapters.calendar_mail.writing.unsubscribe import list_unsubscribe
from domain.meetings.letters import LetterKind
from domain.meetings.model import Partstat
from domain.outbox.marks import mark_of
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.samples import (
    NO,
    OTHER_SLOT,
    YES,
    card,
    compose,
    letter,
    party,
    writer,
)

K = LetterKind


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (K.INVITATION, {}, "Byron Introductions invites you to meet with Ada Lovelace."),
        (K.RESCHEDULE, {"reason": "counter", "by": 1}, "Ada Lovelace proposes this time instead"),
        (K.RESCHEDULE, {"reason": "counter", "by": 2}, "This is the time you proposed."),
        (K.RESCHEDULE, {"reason": "next"}, "this is the next one on offer"),
        (K.RESCHEDULE, {"reason": "restored", "by": 1}, "this earlier one stands again"),
        (K.RESCHEDULE, {"reason": "rescheduled"}, "Byron Introductions has moved the meeting"),
        (K.RESCHEDULE, {"reason": "a newer rule's word"}, "The meeting has a new time."),
        (K.CONFIRMATION, {"reason": "agreed"}, "Everybody agreed to the new time"),
        (K.CONFIRMATION, {"reason": "first"}, "you meet with Ada Lovelace at this time"),
        (K.CURRENT, {}, "This is how the meeting stands now"),
        (K.CANCELLATION, {"reason": "party", "by": 1}, "Ada Lovelace cancelled it."),
        (K.CANCELLATION, {"reason": "party", "by": 2}, "You cancelled it."),
        (K.CANCELLATION, {"reason": "owner", "by": 0}, "Byron Introductions cancelled it."),
        (K.CANCELLATION, {"reason": "declined", "by": 1}, "No time was found that suits everybody"),
        (K.CANCELLATION, {"reason": "silence"}, "Not everybody answered in time."),
        (K.CANCELLATION, {"reason": "past"}, "The times on offer have passed."),
        (K.CANCELLATION, {"reason": "current"}, "It was cancelled."),
        (K.PROPOSAL_DECLINED, {"reason": "declined"}, "It does not suit Ada Lovelace."),
        (K.PROPOSAL_DECLINED, {"reason": "declined", "by": 0}, "It does not suit everybody."),
        (K.PROPOSAL_DECLINED, {"reason": "past", "by": 0}, "It lies in the past."),
        (K.PROPOSAL_DECLINED, {"reason": "rounds", "by": 0}, "as many proposals as it allows"),
        (K.PROPOSAL_DECLINED, {"reason": "replaced"}, "Another proposal has taken its place."),
        (K.PROPOSAL_DECLINED, {"reason": "silence", "by": 0}, "It was not answered in time."),
        (K.PROPOSAL_QUESTION, {}, "Until everybody agrees, the agreed time stands."),
        (K.PROPOSAL_WITHDRAWN, {}, "Ada Lovelace no longer asks for another time."),
        (K.PROPOSAL_DECLINED, {"reason": "too-far", "by": 0}, "It lies too far ahead."),
        (K.PROPOSAL_DECLINED, {"reason": "begun", "by": 0}, "The meeting has already begun."),
        (
            K.ANSWER_REMINDER,
            {"partstats": (YES, Partstat.TENTATIVE)},
            "You answered “perhaps” to this time",
        ),
        (K.NOTICE, {"partstat": NO, "reason": "unconfirmed"}, "please decline on your page"),
        (K.NOTICE, {"partstat": NO, "reason": "moved"}, "propose the earlier time again"),
        (K.NOTICE, {"partstat": NO, "reason": "ended"}, "please write to the organizer"),
        (K.ANSWER_REMINDER, {}, "You have not yet said whether this time"),
        (K.PROPOSAL_REMINDER, {}, "Your answer to a proposal is awaited"),
        (K.MEETING_REMINDER, {}, "You meet with Ada Lovelace."),
        (K.NOTICE, {}, "accepted this time in your name"),
        (K.NOTICE, {"partstat": NO}, "declined this time in your name"),
        (K.NOTICE, {"partstat": NO, "proposed": OTHER_SLOT}, "proposed another time in your name"),
    ],
)
def test_a_letter_says_why_it_was_sent(
    kind: LetterKind, changes: dict[str, object], said: str
) -> None:
    raw = compose(kind, **changes)

    assert said in reading.text(raw)
    assert said.replace("'", "&#39;") in reading.page(raw)


def _links(kind: LetterKind, **changes: object) -> list[str]:
    page, mark = party(2).page_url, f"?m={_mark(kind, **changes)}"
    links = [word for word in reading.text(compose(kind, **changes)).split() if page in word]
    assert all(link.endswith(mark) for link in links)
    return [link.removeprefix(page).removesuffix(mark) for link in links]


def _mark(kind: LetterKind = K.INVITATION, **changes: object) -> str:
    draft = writer().compose(letter(kind, **changes), card())
    return mark_of(draft.message_id)


@pytest.mark.parametrize("kind", [K.INVITATION, K.RESCHEDULE, K.CURRENT, K.ANSWER_REMINDER])
def test_whoever_is_asked_can_answer_without_a_calendar(kind: LetterKind) -> None:
    assert _links(kind) == ["/accept", "/decline", "/propose", ""]


@pytest.mark.parametrize("kind", [K.PROPOSAL_QUESTION, K.PROPOSAL_REMINDER])
def test_a_question_about_a_proposal_is_answered_on_the_page(kind: LetterKind) -> None:
    assert _links(kind) == ["/agree", "/disagree", "/propose", ""]


def test_a_settled_meeting_can_still_be_moved() -> None:
    assert _links(K.CONFIRMATION) == ["", "/propose"]
    assert _links(K.RESCHEDULE, partstats=(Partstat.NEEDS_ACTION, YES)) == ["", "/propose"]


def test_an_ended_meeting_offers_only_its_page() -> None:
    assert _links(K.CANCELLATION) == [""]


def test_a_question_shows_the_proposed_time_beside_the_agreed_one() -> None:
    text = reading.text(compose(K.PROPOSAL_QUESTION))

    assert "Proposed:  Wednesday 3 March 2027, 14:30–15:15" in text
    assert "Agreed:    Monday 1 March 2027, 14:30–15:30" in text


def test_html_and_text_lead_to_the_same_places() -> None:
    page = reading.page(compose())

    for path in ("/accept", "/decline", "/propose"):
        assert f'href="{party(2).page_url}{path}?m={_mark()}"' in page


def test_links_tell_one_mail_from_another() -> None:
    assert _mark(K.RESCHEDULE, occasion=4) != _mark(K.RESCHEDULE, occasion=5)


_REMINDERS = {K.ANSWER_REMINDER, K.PROPOSAL_REMINDER, K.MEETING_REMINDER}


@pytest.mark.parametrize("kind", K)
def test_reminders_and_only_they_offer_their_end(kind: LetterKind) -> None:
    raw, ana = compose(kind), party(2)
    message = reading.parsed(raw)
    choices = f"{ana.unsubscribe_url}/choices?m={_mark(kind)}"

    assert (choices in reading.text(raw)) is (kind in _REMINDERS)
    assert (choices in reading.page(raw)) is (kind in _REMINDERS)
    if kind in _REMINDERS:
        assert message["List-Unsubscribe"] == (
            f"<{ana.unsubscribe_url}?m={_mark(kind)}>, "
            f"<mailto:{ana.unsubscribe_address}?subject=unsubscribe>"
        )
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    else:
        assert not {"List-Unsubscribe", "List-Unsubscribe-Post"} & set(message.keys())


def test_one_click_is_promised_over_https_only() -> None:
    lines = dict(list_unsubscribe("http://127.0.0.1:8700/u/t", "u+t@parley.example", "abc"))

    assert set(lines) == {"List-Unsubscribe"}


def test_a_meeting_without_such_addresses_still_reminds() -> None:
    bare = [party(n, unsubscribe_url="", unsubscribe_address="") for n in (1, 2)]
    raw = writer().compose(letter(K.ANSWER_REMINDER), card(parties=tuple(bare))).raw

    assert b"List-Unsubscribe" not in raw
    assert "No reminders" not in reading.text(raw)


def test_a_request_without_a_time_cannot_be_written() -> None:
    with pytest.raises(CannotWrite, match="needs a time"):
        compose(K.INVITATION, slot=None)


def test_a_letter_of_words_needs_no_time() -> None:
    assert "When:" not in reading.text(compose(K.NOTICE, slot=None))
