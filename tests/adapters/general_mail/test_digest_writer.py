"""Many parts become one mail, which says what each of them said."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.general_mail.composing import GeneralMailWriter
from adapters.general_mail.digest_writer import DigestWriter
from domain.outbox.digests import digest_key
from domain.outbox.model import Draft, Part
from domain.outbox.requests import Correspondent, DigestOrder, Every, Words
from domain.postage import OnUnknown
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.test_injection import _TEXT, HOSTILE
from tests.adapters.message_orders import MAIL_DOMAIN, order
from tests.adapters.outbox_rows import NOON

UNSUBSCRIBE = (
    ("List-Unsubscribe", "<https://parley.example/u/token>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)


def part(number: int, words: Words, *, subject: str = "", **changes: Any) -> Part:
    asked = order(
        occasion=str(number),
        content=words,
        digest=DigestOrder(every=Every.HOUR, subject=subject),
        **changes,
    )
    key = digest_key(asked, NOON)
    assert key is not None
    draft = GeneralMailWriter(MAIL_DOMAIN).compose(
        asked, "b+x@parley.example", NOON + timedelta(minutes=number), UNSUBSCRIBE
    )
    return Part(
        **draft.model_dump(exclude={"postage"}),
        id=number,
        owner=asked.owner,
        created_at=NOON + timedelta(minutes=number),
        digest=key.to_text(),
    )


def composed(*parts: Part) -> Draft:
    return DigestWriter(MAIL_DOMAIN).compose(parts)


def test_each_part_stands_under_its_heading() -> None:
    one = part(1, Words(subject="Paid", text="Order 1 is paid.", html="<p>Order 1</p>"))
    two = part(2, Words(subject="Shipped & gone", text="Order 2\nis on its way."))

    draft = composed(one, two)

    message = reading.parsed(draft.raw)
    assert message["Subject"] == "Paid (and 1 more)"
    assert reading.text(draft.raw) == (
        "Paid\n====\n\nOrder 1 is paid.\n\n\n"
        "Shipped & gone\n==============\n\nOrder 2\nis on its way.\n"
    )
    page = reading.page(draft.raw).replace("\r\n", "\n")
    assert "<h2>Paid</h2>\n<p>Order 1</p>" in page
    assert "<h2>Shipped &amp; gone</h2>" in page
    assert "Order 2\nis on its way." in page


def test_a_digest_goes_where_its_parts_would_have_gone() -> None:
    one, two = (part(n, Words(subject="x", text="y")) for n in (1, 2))

    draft = composed(one, two)

    same = ("kind", "subject", "recipient", "mail_from", "party")
    assert all(getattr(draft, name) == getattr(one, name) for name in same)
    assert draft.postage.on_unknown is OnUnknown.ASSUME_SENT
    message = reading.parsed(draft.raw)
    assert message["To"] == "Ada <ada@example.org>"
    assert [message[name] for name, _ in UNSUBSCRIBE] == [value for _, value in UNSUBSCRIBE]
    assert draft.message_id not in (one.message_id, two.message_id)


def test_composing_again_gives_the_same_mail_and_other_parts_another() -> None:
    one, two, three = (part(n, Words(subject="x", text="y")) for n in (1, 2, 3))

    assert composed(one, two) == composed(one, two)
    assert composed(one, two).occasion != composed(one, three).occasion


def test_a_single_part_is_itself_under_the_digests_subject() -> None:
    draft = composed(part(1, Words(subject="Paid", text="Order 1"), subject="Your day"))

    assert reading.parsed(draft.raw)["Subject"] == "Your day"
    assert reading.text(draft.raw) == "Order 1\n"


@pytest.mark.parametrize(
    ("second", "shown"), [("a@shop.example", "a@shop.example"), ("b@shop.example", None)]
)
def test_answers_go_where_all_parts_want_them(second: str, shown: str | None) -> None:
    one = part(1, Words(subject="x", text="y"), reply_to=Correspondent(address="a@shop.example"))
    two = part(2, Words(subject="x", text="y"), reply_to=Correspondent(address=second))

    assert reading.parsed(composed(one, two).raw)["Reply-To"] == shown


def test_of_a_whole_page_only_its_body_is_taken() -> None:
    whole = "<!doctype html><html><head><title>t</title></head><body class='x'><p>in</p></body>"
    one = part(1, Words(subject="x", text="y", html=whole))
    two = part(2, Words(subject="x", text="y"))

    page = reading.page(composed(one, two).raw)

    assert "<p>in</p>" in page
    assert "<title>" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_parts_stay_text(text: str) -> None:
    parts = [part(n, Words(subject=text, text=text)) for n in (1, 2)]

    message = reading.parsed(composed(*parts).raw)

    assert message.defects == []
    assert [each.get_content_type() for each in message.walk()] == ["text/plain"]


@settings(max_examples=60, deadline=None)
@given(subject=_TEXT, text=_TEXT, page=st.none() | _TEXT)
def test_any_parts_can_be_composed(subject: str, text: str, page: str | None) -> None:
    one = part(1, Words(subject=subject, text=text, html=page))
    two = part(2, Words(subject="x", text="y"))

    message = reading.parsed(composed(one, two).raw)

    assert message.defects == []
    assert len(list(message.walk())) == (1 if page is None else 3)
