"""What the person wrote: without the quoted original where it can be told."""

import re

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.charsets import decoded
from adapters.calendar_mail.reading.markup import text_of
from adapters.calendar_mail.reading.parts import Part
from adapters.calendar_mail.reading.phrases import ATTRIBUTION, QUOTED_ORIGINAL
from adapters.calendar_mail.reading.problems import Problems
from domain.values import scrubbed

_ABOVE_QUOTE = re.compile(r"^(?!>)[^\n]{0,300}:[ \t]*\n(?:[ \t]*\n)?(?=>)", re.MULTILINE)
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_LONGEST = 20_000


def text_written(parts: list[Part], comments: tuple[str, ...], problems: Problems) -> str:
    """The sender's words: the plain parts, else the HTML ones reduced; then what they wrote
    into the comment field of their calendar program, unless the text says it already."""
    body = _first_text(parts, "text/plain", problems) or _first_text(parts, "text/html", problems)
    extra = [comment for comment in comments if _squeezed(comment) not in _squeezed(body)]
    return scrubbed("\n\n".join(text for text in (body, *extra) if text))


def without_original(text: str) -> str:
    """`text` without quoted lines, what introduces them, and the signature."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")[:_LONGEST]
    ends = [
        found.start() for found in (QUOTED_ORIGINAL.search(text), _SIGNATURE.search(text)) if found
    ]
    text = text[: min(ends)] if ends else text
    for attribution in reversed(list(ATTRIBUTION.finditer(text))):
        rest = text[attribution.end() :]
        if rest.lstrip().startswith(">") or not _own_words(rest):
            text = text[: attribution.start()] + rest
    return _own_words(_ABOVE_QUOTE.sub("", text))


def _own_words(text: str) -> str:
    lines = [line.rstrip() for line in text.split("\n") if not line.lstrip().startswith(">")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _first_text(parts: list[Part], content_type: str, problems: Problems) -> str:
    shown = [p for p in parts if p.content_type == content_type and not p.is_attachment]
    texts = []
    for part in shown[:5]:
        data = part.content(problems)[: limits.TEXT_BYTES]
        text, _ = decoded(data, part.charset)
        if not text.lstrip("\ufeff \r\n\t").upper().startswith("BEGIN:VCALENDAR"):
            texts.append(text_of(text) if content_type == "text/html" else text)
    written = (without_original(text) for text in texts)
    return "\n\n".join(text for text in written if text)


def _squeezed(text: str) -> str:
    return " ".join(text.split()).casefold()
