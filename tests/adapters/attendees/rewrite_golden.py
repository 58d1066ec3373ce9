"""Write the programs' golden mails anew, to be read and committed with the change.

python -m tests.adapters.attendees.rewrite_golden
"""

from pathlib import Path

from tests.adapters.attendees.samples import outputs

GOLDEN = Path(__file__).parent / "golden"

if __name__ == "__main__":
    for name, raw in outputs().items():
        (GOLDEN / f"{name}.eml").write_bytes(raw)
