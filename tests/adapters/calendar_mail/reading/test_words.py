"""What the person wrote, and not what their program quoted."""

import pytest

from adapters.calendar_mail.reading.markup import text_of
from adapters.calendar_mail.reading.words import without_original

QUOTED = "> You are invited.\n> Parley"


@pytest.mark.parametrize(
    "original",
    [
        f"On Mon, 1 Feb 2027 at 12:00, Parley <r@parley.example> wrote:\n\n{QUOTED}",
        f"On Mon, 1 Feb 2027 at 12:00, Parley\n<r@parley.example> wrote:\n{QUOTED}",
        f"Am 01.02.2027 um 12:00 schrieb Parley:\n{QUOTED}",
        f"Le lun. 1 févr. 2027 à 12:00, Parley a écrit :\n\n{QUOTED}",
        f"El lun, 1 feb 2027, Parley escribió:\n{QUOTED}",
        f"2027年2月1日(月) 12:00 Parley <r@parley.example>:\n\n{QUOTED}",
        "-----Original Message-----\nFrom: Parley\nYou are invited.",
        "-------- Ursprüngliche Nachricht --------\nYou are invited.",
        "________________________________\nFrom: Parley <r@parley.example>\nSent: Monday\nHello",
        "From: Parley <r@parley.example>\nSent: Monday, 1 February 2027\nTo: Alice\n\nHello",
        "*Von:* Parley\n*Gesendet:* Montag\n\nHallo",
        QUOTED,
        "-- \nAlice Example, Example Ltd",
    ],
)
def test_the_quoted_original_is_left_out(original: str) -> None:
    assert without_original(f"Thursday is fine.\r\n\r\n{original}") == "Thursday is fine."


def test_words_above_an_introduction_stay() -> None:
    assert without_original(f"Yes, I agree.\nParley wrote:\n{QUOTED}") == "Yes, I agree."


def test_words_between_quoted_lines_are_the_persons_own() -> None:
    text = "On Monday Parley wrote:\n> Is 10:00 fine?\nNo.\n> Is 11:00 fine?\nYes."

    assert without_original(text).endswith("No.\nYes.")


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I wrote a letter. Shall we meet?",
        "From: the station it is a short walk.",
        "Two dashes -- not a signature.",
    ],
)
def test_words_that_only_look_like_a_quote_stay(text: str) -> None:
    assert without_original(text) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One<br>two</p><p>three</p>", "One\ntwo\nthree"),
        ("a &lt;b&gt; &amp;amp; c&nbsp;d", "a <b> &amp; c d"),
        ("<style>p {}</style><SCRIPT>x</SCRIPT >seen<title>no</title>", "seen"),
        ("<!-- <p>no</p> -->yes<!-- open", "yes"),
        ("<![if gte mso 9]>kept<![endif]><?xml x?>", "kept"),
        ("mine<blockquote>theirs<blockquote>x</blockquote></blockquote>mine", "minemine"),
        ('mine<div class="gmail_quote">theirs', "mine"),
        ("mine<div id=divRplyFwdMsg>theirs", "mine"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<script>never closed", ""),
        ("", ""),
    ],
)
def test_markup_is_reduced_to_what_is_seen(markup: str, text: str) -> None:
    assert text_of(markup) == text
