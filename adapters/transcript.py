"""What was said in an SMTP conversation, for people: credentials blanked, mails summarised."""

from domain.values import scrubbed

_LONGEST = 500
_START = 354


class Transcript:
    """The lines of one or more conversations, in order: ours after `>`, theirs after `<`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._is_mail = False  # what is written next

    def sent(self, data: bytes) -> None:
        """What we wrote: commands, or a mail after the server asked for it."""
        if not self._is_mail:
            for line in data.decode("ascii", "replace").splitlines():
                self._add(">", line)
        elif data == b".\r\n":
            self._is_mail = False
            self._add(">", ".")
        else:
            self._add(">", f"… {len(data)} octets")

    def logged_in(self, mechanism: str) -> None:
        """An AUTH command, whose words nobody else may read."""
        self._add(">", f"{mechanism} …")

    def heard(self, code: int, text: str) -> None:
        """A reply, each of its lines with the code."""
        self._is_mail = code == _START
        for line in text.splitlines() or [""]:
            self._add("<", f"{code} {line}".rstrip())

    def note(self, words: str) -> None:
        """Something that happened beside the words."""
        self._add("*", words)

    def _add(self, mark: str, text: str) -> None:
        self.lines.append(f"{mark} {scrubbed(text, limit=_LONGEST)}")
