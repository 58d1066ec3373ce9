"""The words of a letter as text and as HTML, from one set of facts."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.calendar_mail.writing import clean
from adapters.calendar_mail.writing.unsubscribe import CHOICES
from adapters.calendar_mail.writing.wall_time import SlotWords, instant_words, slot_words
from adapters.calendar_mail.writing.wording import ANSWERS, Reader, Wording, shown_name, wording
from domain.meetings.letters import LetterKind
from domain.outbox.marks import MARK
from domain.values import Slot


@dataclass(frozen=True)
class Link:
    """A way to the party's page. Following it shows something; only a button there acts."""

    label: str
    url: str
    is_main: bool = False


@dataclass(frozen=True)
class Row:
    """A time of the letter under its name: `When`, or `Proposed` beside `Agreed`."""

    label: str
    words: SlotWords


@dataclass(frozen=True)
class Facts:
    """Everything the templates show; clean text, nothing left to decide."""

    title: str
    greeting: str
    wording: Wording
    times: tuple[Row, ...]
    place: str
    people: tuple[tuple[str, str], ...]
    about: str
    answer_by: str
    links: tuple[Link, ...]
    has_buttons: bool
    organizer: str
    hides_addresses: bool
    unsubscribe: str = ""


def as_text(facts: Facts) -> str:
    """The plain text, readable on its own, without HTML and without a calendar program."""
    return _templates().get_template("letter.txt").render(facts=facts)


def as_html(facts: Facts) -> str:
    """The HTML: no script, no picture, nothing fetched; all user text escaped."""
    return _templates().get_template("letter.html").render(facts=facts)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def facts_for(reader: Reader, mark: str, *, is_optional: bool) -> Facts:
    """What the letter says to its reader, in the reader's own zone. Its links carry `mark`, by
    which a choice made behind them shows that this letter arrived."""
    card, party = reader.card, reader.party
    way_out = party.unsubscribe_url
    words = wording(reader)
    name = clean.name(party.name)
    return Facts(
        title=clean.title(card.title) or "Meeting",
        greeting=f"Hello {name}," if name else "Hello,",
        wording=words,
        times=_times(reader),
        place=clean.place(card.location),
        people=_people(reader),
        about=clean.prose(card.description),
        answer_by=_answer_by(reader) if words.ask else "",
        links=_links(reader, mark),
        has_buttons=_has_buttons(reader),
        organizer=reader.organizer,
        hides_addresses=not party.shows_address,
        unsubscribe=_marked(f"{way_out}{CHOICES}", mark) if is_optional and way_out else "",
    )


def _marked(url: str, mark: str) -> str:
    return f"{url}?{MARK}={mark}"


def _times(reader: Reader) -> tuple[Row, ...]:
    letter = reader.letter
    if letter.kind is LetterKind.PROPOSAL_DECLINED:
        return _row(reader, "Proposed", letter.proposed or letter.slot)
    now = "Agreed" if letter.kind in _QUESTIONS else "When"
    proposed = None if letter.proposed == letter.slot else letter.proposed
    return (*_row(reader, "Proposed", proposed), *_row(reader, now, letter.slot))


_QUESTIONS = (LetterKind.PROPOSAL_QUESTION, LetterKind.PROPOSAL_REMINDER)


def _row(reader: Reader, label: str, slot: Slot | None) -> tuple[Row, ...]:
    return () if slot is None else (Row(label, slot_words(slot, reader.party.zone)),)


def _people(reader: Reader) -> tuple[tuple[str, str], ...]:
    """Everybody's name and answer, the reader first; no addresses."""
    me = reader.letter.party
    ordered = sorted(reader.card.parties, key=lambda party: (party.number != me, party.number))
    return tuple(
        ("You" if party.number == me else shown_name(party), _stand(reader, party.number))
        for party in ordered
    )


def _stand(reader: Reader, number: int) -> str:
    stands = reader.letter.partstats[number - 1 : number]
    return ANSWERS[stands[0]] if stands else ""


def _answer_by(reader: Reader) -> str:
    instant = None if reader.letter.kind is LetterKind.NOTICE else reader.letter.answer_by
    return "" if instant is None else instant_words(instant, reader.party.zone)


def _has_buttons(reader: Reader) -> bool:
    """Whether the reader's mail program will draw answer buttons for this letter."""
    requests = (LetterKind.INVITATION, LetterKind.RESCHEDULE, LetterKind.CURRENT)
    return reader.letter.kind in requests and reader.owes_an_answer


_PAGE = ("Your page", "")
_OFFERS = (
    ("Accept", "/accept"),
    ("Decline", "/decline"),
    ("Propose another time", "/propose"),
    _PAGE,
)
_QUESTION = (
    ("Agree to the new time", "/agree"),
    ("Keep the agreed time", "/disagree"),
    ("Propose another time", "/propose"),
    _PAGE,
)
_SETTLED = (_PAGE, ("Propose another time", "/propose"))


def _links(reader: Reader, mark: str) -> tuple[Link, ...]:
    """Links into the party's page, each to one form of it: the page shows, people act."""
    page = reader.party.page_url
    return tuple(
        Link(label, _marked(f"{page}{path}", mark), is_main=index == 0)
        for index, (label, path) in enumerate(_choices(reader))
    )


def _choices(reader: Reader) -> tuple[tuple[str, str], ...]:
    kind = reader.letter.kind
    if kind in _QUESTIONS:
        return _QUESTION
    if kind is LetterKind.CANCELLATION or reader.letter.reason == "ended":
        return (_PAGE,)
    return _OFFERS if wording(reader).ask else _SETTLED
