"""Strangers do not learn each other's address, unless the meeting says so."""

import pytest

from domain.errors import BadAddress
from domain.meetings.card import PartyCard
from domain.meetings.letters import LetterKind
from tests.adapters.calendar_mail.writing import reading
from tests.adapters.calendar_mail.writing.samples import card, compose, party


def _everything(raw: bytes) -> str:
    """The mail as it is sent and as it reads, headers and every decoded part."""
    parts = [part.get_payload(decode=True) for part in reading.parsed(raw).walk()]
    decoded = [octets.decode() for octets in parts if isinstance(octets, bytes)]
    return "\n".join([raw.decode("ascii"), *decoded]).lower()


@pytest.mark.parametrize("kind", LetterKind)
def test_no_letter_holds_what_belongs_to_the_other_party(kind: LetterKind) -> None:
    seen = _everything(compose(kind))

    ada = party(1)
    for secret in (ada.address, ada.reply_address, ada.bounce_address, ada.uid, ada.page_url):
        assert secret.lower() not in seen


def test_the_other_party_appears_under_its_alias() -> None:
    ics = reading.ics(compose())
    addresses = [line.value for line in reading.lines(ics) if line.name == "ATTENDEE"]

    assert addresses == ["mailto:bea@example.net", f"mailto:{party(1).alias_address}"]


def test_a_party_that_shows_its_address_appears_under_it() -> None:
    about = card(parties=(party(1, shows_address=True), party(2)))
    raw = compose(card=about)

    addresses = [line.value for line in reading.lines(reading.ics(raw)) if line.name == "ATTENDEE"]
    assert addresses == ["mailto:bea@example.net", "mailto:ada@example.org"]
    assert "not your address" in reading.text(raw)


def test_a_party_is_told_when_its_address_is_shown() -> None:
    about = card(parties=(party(1), party(2, shows_address=True)))

    assert "not your address" not in reading.text(compose(card=about))


def test_a_party_without_a_name_is_not_called_by_its_address() -> None:
    raw = compose(card=card(parties=(party(1, name=""), party(2))))

    assert "meet with participant 1" in reading.text(raw)
    assert "ada@example.org" not in _everything(raw)


@pytest.mark.parametrize(
    "address",
    [
        "bea@example.net\r\nBcc: x@example.com",
        "bea@example.net, x@example.com",
        "<bea@example.net>",
        "Bea <bea@example.net>",
        "bea@exämple.net",
        "@example.net",
    ],
)
def test_what_is_not_one_bare_address_is_refused(address: str) -> None:
    broken = PartyCard.model_construct(**{**party(2).model_dump(), "address": address})

    with pytest.raises(BadAddress):
        compose(card=card().model_copy(update={"parties": (party(1), broken)}))
