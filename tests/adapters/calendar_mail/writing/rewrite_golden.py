"""Write the golden mails anew, to be read and committed with the change that alters them.

python -m tests.adapters.calendar_mail.writing.rewrite_golden
"""

from pathlib import Path

from domain.meetings.letters import LetterKind
from tests.adapters.calendar_mail.writing.samples import compose

GOLDEN = Path(__file__).parent / "golden"


def golden(kind: LetterKind) -> Path:
    return GOLDEN / f"{kind.value}.eml"


if __name__ == "__main__":
    for kind in LetterKind:
        golden(kind).write_bytes(compose(kind))
