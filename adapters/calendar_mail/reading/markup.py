"""HTML reduced to the text a person reads in it.

Not `html.parser`: its time grows with the square of unclosed comments (180 s for a megabyte).
Here every character is looked at once.
"""

import html
import re

from adapters.calendar_mail.reading import limits

_TOKEN = re.compile(r"<(?P<end>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9]*)(?P<attributes>[^<>]*)>?|[^<]+|<")
_ATTRIBUTE = re.compile(
    r"(?:class|id)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE
)
_BLOCK_TAGS = """
p div br tr li ul ol table h1 h2 h3 h4 h5 h6 hr section article header footer pre
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_RAW = frozenset({"script", "style", "title", "template"})  # what is in them is not shown
_QUOTES = re.compile(
    "gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote|OutlookMessageHeader"
    "|divRplyFwdMsg|appendonsend|mail-editor-reference-message-container"
)
_SHOWN_CHARACTERS = 40_000


def text_of(markup: str) -> str:
    """The visible text of `markup` up to the quoted original, one line per block."""
    text = html.unescape("".join(_pieces(_without_raw(markup[: limits.TEXT_BYTES]))))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_raw(markup: str) -> str:
    """`markup` without comments, declarations, and elements that are not shown. What is left
    open hides the rest, as it does in a browser."""
    kept = []
    position = 0
    opening = re.compile(r"<(?:!--|[!?]|(" + "|".join(_RAW) + r")\b)", re.IGNORECASE)
    while found := opening.search(markup, position):
        kept.append(markup[position : found.start()])
        position = _end_of_raw(markup, found)
    kept.append(markup[position:])
    return "".join(kept)


def _end_of_raw(markup: str, opened: "re.Match[str]") -> int:
    if opened.group(1):
        closing = re.compile(rf"</{opened.group(1)}[^>]*>", re.IGNORECASE)
        closed = closing.search(markup, opened.end())
        return closed.end() if closed else len(markup)
    mark = "-->" if opened.group() == "<!--" else ">"
    end = markup.find(mark, opened.end())
    return end + len(mark) if end >= 0 else len(markup)


def _pieces(markup: str) -> list[str]:
    pieces: list[str] = []
    size = quoted = 0
    for token in _TOKEN.finditer(markup):
        tag = (token["tag"] or "").lower()
        if tag == "blockquote":
            quoted = max(0, quoted + (-1 if token["end"] else 1))
        elif tag and _begins_quote(token["attributes"]):
            break
        piece = _shown(token, tag) if not quoted else ""
        pieces.append(piece)
        size += len(piece)
        if size > _SHOWN_CHARACTERS:
            break
    return pieces


def _shown(token: "re.Match[str]", tag: str) -> str:
    if tag:
        return "\n" if tag in _BLOCKS else ""
    return token.group().replace("\n", " ").replace("\r", " ")


def _begins_quote(attributes: str) -> bool:
    values = ("".join(filter(None, found.groups())) for found in _ATTRIBUTE.finditer(attributes))
    return any(_QUOTES.search(value) for value in values)
