"""Reading an invitation as a mail program does."""

from datetime import UTC, datetime

import pytest

from adapters.attendees.invitation import NoInvitation, read_invitation
from adapters.attendees.lines import calendar_text, content_line, content_lines, escape, unescape
from tests.adapters.attendees.samples import UID, mail


def test_an_invitation_is_read_in_full() -> None:
    invitation = read_invitation(mail(sequence=3))

    assert (invitation.method, invitation.uid, invitation.sequence) == ("REQUEST", UID, 3)
    assert invitation.organizer == "r+token@parley.example"
    assert invitation.organizer_name == "Byron: Introductions"
    assert invitation.start == datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
    assert invitation.end == datetime(2027, 3, 1, 10, 0, tzinfo=UTC)
    assert invitation.summary == "Coffee, quickly"
    assert invitation.location == "Here; there"
    assert invitation.description.endswith("needs to be folded somewhere")
    assert [guest.name for guest in invitation.guests] == ["Bea", "Ada"]


def test_the_readers_own_line_is_found_whatever_the_case() -> None:
    guest = read_invitation(mail(attendee="Bea@Example.net")).guest("bea@example.net")

    assert guest is not None
    assert (guest.partstat, guest.rsvp) == ("NEEDS-ACTION", True)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: hello\r\n\r\nJust words.\r\n",
        mail().replace(b"METHOD:REQUEST\r\n", b""),
        mail().replace(b"BEGIN:VEVENT\r\n", b""),
    ],
)
def test_a_mail_without_an_invitation_is_refused_with_a_way_out(raw: bytes) -> None:
    with pytest.raises(NoInvitation, match="links in its text"):
        read_invitation(raw)


@pytest.mark.parametrize(
    "text", ["a\\nb", "a\nb", "x;y,z\\", 'quote "x"', "\\\\n", "C:\\New", "ünï\n\ncödé 🎉"]
)
def test_escaping_is_undone(text: str) -> None:
    assert unescape(escape(text)) == text


def test_lines_are_folded_between_characters() -> None:
    folded = calendar_text(["SUMMARY:" + "é🎉" * 60])

    pieces = folded.split(b"\r\n")
    assert all(len(piece) <= 75 for piece in pieces)
    assert all(piece.decode("utf-8") is not None for piece in pieces)
    [line] = content_lines(folded)
    assert line.value == "é🎉" * 60


def test_colons_in_quoted_parameters_do_not_end_the_head() -> None:
    line = content_line('ATTENDEE;X="DTSTART:2027;STATUS:;";CN=Bea:mailto:bea@example.net')

    assert line.params == {"X": "DTSTART:2027;STATUS:;", "CN": "Bea"}
    assert line.value == "mailto:bea@example.net"
