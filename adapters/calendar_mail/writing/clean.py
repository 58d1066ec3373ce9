"""User text made harmless before it goes into a mail (mail-safety §9).

The API refuses most of this at the door; here it is done once more because names and titles
may come from older rows and because one missed character would be a forged header.
"""

import unicodedata

from domain.values import scrubbed

TITLE_LIMIT = 200
NAME_LIMIT = 100
PLACE_LIMIT = 500
PROSE_LIMIT = 8000

_JOINERS = "\u200d\ufe0e\ufe0f"
_CALENDAR_NAME = str.maketrans({'"': "'", "^": "ˆ", "\\": "/"})


def title(text: str) -> str:
    """One line for a subject or a SUMMARY."""
    return _disarmed(_one_line(text, TITLE_LIMIT))


def name(text: str) -> str:
    """One line for a display name or a CN.

    Loses what calendar programs disagree about inside a parameter: double quotes, and the
    caret and backslash that only some take for escapes (RFC 6868).
    """
    return _disarmed(_one_line(text, NAME_LIMIT).translate(_CALENDAR_NAME))


def place(text: str) -> str:
    """One line for a LOCATION; links in it keep every character."""
    return _one_line(text, PLACE_LIMIT)


def prose(text: str) -> str:
    """Several lines for a body or a DESCRIPTION: control characters gone, tabs as spaces."""
    kept = scrubbed(text, limit=len(text) * 3 + 1).replace("\t", "    ")
    lines = [line.rstrip() for line in kept.split("\n")]
    return _cut("\n".join(lines).strip(), PROSE_LIMIT)


def _one_line(text: str, limit: int) -> str:
    kept = scrubbed(text, limit=len(text) * 3 + 1)
    return _cut(" ".join(kept.split()), limit)


def _disarmed(text: str) -> str:
    """An encoded-word in plain text is decoded by Python's header classes, line breaks and all;
    a zero-width space between `=` and `?` leaves nothing to decode."""
    return text.replace("=?", "=\u200b?")


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, not ending inside a letter with its marks or a joined emoji."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 1 and _continues(text, end):
        end -= 1
    return text[:end].rstrip() + "…"


def _continues(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the one before it."""
    joined = text[at] in _JOINERS or text[at - 1] in _JOINERS
    return joined or bool(unicodedata.combining(text[at]))
