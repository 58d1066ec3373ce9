"""What is told about a mail besides its content: damage, oddities, things left out."""

from domain.values import scrubbed

MOST = 30
LONGEST = 200


class Problems:
    """Sentences for the person who looks at a mail; each said once, all of them bounded."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def say(self, sentence: str) -> None:
        """Note `sentence`; foreign text in it is made harmless and short."""
        if sentence not in self._said and len(self._said) < MOST:
            self._said[sentence] = on_one_line(sentence, LONGEST)

    def said(self) -> tuple[str, ...]:
        """All sentences, in the order in which they were found."""
        return tuple(self._said.values())


def on_one_line(text: str, limit: int) -> str:
    """`text` without controls and line breaks, at most `limit` characters."""
    return scrubbed(" ".join(text[: limit * 4].split()), limit=limit)
