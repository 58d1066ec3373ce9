"""HTML reduced to the text a person reads in it."""

from html.parser import HTMLParser

_BLOCK_TAGS = """
p div br tr li ul ol table h1 h2 h3 h4 h5 h6 hr section article header footer pre
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_UNSEEN = frozenset({"script", "style", "head", "title", "template"})
_QUOTE_CLASSES = (
    "gmail_quote",
    "yahoo_quoted",
    "moz-cite-prefix",
    "protonmail_quote",
    "OutlookMessageHeader",
)
_QUOTE_IDS = ("divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container")
_LIMIT = 40_000


class _Reducer(HTMLParser):
    """Collects text until the quoted original begins."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.quote_begun = False
        self._unseen: list[str] = []
        self._size = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._add("\n")
        if tag in _UNSEEN or tag == "blockquote":
            self._unseen.append(tag)
        if _begins_quote(dict(attrs)):
            self.quote_begun = True

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._add("\n")
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]

    def handle_data(self, data: str) -> None:
        if not self._unseen and not self.quote_begun:
            self._add(" ".join(data.split()) if data.strip() else " ", data)

    def _add(self, text: str, source: str = "") -> None:
        if self._size < _LIMIT:
            lead = " " if source[:1].isspace() else ""
            tail = " " if source[-1:].isspace() else ""
            self.pieces.append(f"{lead}{text}{tail}" if text.strip() else text)
            self._size += len(text) + 1


def _begins_quote(attrs: dict[str, str | None]) -> bool:
    classes, name = attrs.get("class") or "", attrs.get("id") or ""
    return any(mark in classes for mark in _QUOTE_CLASSES) or any(m in name for m in _QUOTE_IDS)


def text_of(markup: str) -> str:
    """The visible text of `markup` up to the quoted original, one line per block."""
    reducer = _Reducer()
    try:
        reducer.feed(markup)
        reducer.close()
    except (AssertionError, ValueError):  # what html.parser raises for broken declarations
        pass
    lines = (" ".join(line.split()) for line in "".join(reducer.pieces).split("\n"))
    return "\n".join(line for line in lines if line)
