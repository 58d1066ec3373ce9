"""`make bench`: every measurement of the ground floor, as one Markdown table.

`python -m bench NAME…` runs only the named ones.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from rich.console import Console

from bench import acceptance, database, negotiations, outbox, sandbox
from bench.report import Row, machine, table

Measurement = Callable[[], Awaitable[Sequence[Row]]]
MEASUREMENTS: dict[str, Measurement] = {
    "database": database.run,
    "sandbox": sandbox.run,
    "negotiations": negotiations.run,
    "acceptance": acceptance.run,
    "outbox": outbox.run,
}


async def measure(names: Sequence[str]) -> list[Row]:
    """Run the named measurements one after the other; progress goes to stderr."""
    screen, rows = Console(stderr=True), list[Row]()
    for name in names:
        with screen.status(f"measuring {name}"):
            rows += await MEASUREMENTS[name]()
        screen.print(f"measured {name}")
    return rows


def main() -> int:
    names = sys.argv[1:] or list(MEASUREMENTS)
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"No such measurement: {', '.join(unknown)}. There are {', '.join(MEASUREMENTS)}.")
        return 2
    for name, value in machine():
        print(f"- {name}: {value}")
    print()
    print(table(asyncio.run(measure(names))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
