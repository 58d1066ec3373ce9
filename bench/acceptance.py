"""How soon a command is durable, at a fixed rate while sagas run, and how soon an invitation is
at the receiver; both over HTTP against a whole `parley up`."""

import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.report import Row, percentile
from console.installation import Installation


class Line:
    """One kept connection that speaks just enough HTTP/1.1, so that the measuring client does
    not eat the cores it measures."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, api: str) -> "Line":
        host, _, port = api.removeprefix("http://").partition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def post(self, path: str, body: bytes, headers: str) -> int:
        """The status of the answer; its body is read and dropped."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        self._writer.write(head.encode() + body)
        status = int((await self._reader.readline()).split()[1])
        length = 0
        while (line := await self._reader.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        await self._reader.readexactly(length)
        return status

    def close(self) -> None:
        self._writer.close()


def _headers(up: Installation, number: int) -> str:
    key = up.links["api_key"]
    return f'Authorization: Bearer {key}\r\nIdempotency-Key: "{number}"\r\n'


def _body(number: int) -> bytes:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
    slot = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    parties = [
        {"name": f"Party {n}", "address": f"p{n}-{number}@example.org", "zone": "Europe/Lisbon"}
        for n in (1, 2)
    ]
    document = {"title": f"Meeting {number}", "parties": parties, "slots": [slot]}
    return json.dumps(document).encode()


async def _at_rate(up: Installation, rate: int, seconds: float, first: int) -> list[float]:
    """Milliseconds from the instant a request was due to its answer: waiting for a free
    connection counts, or a slow server would slow its own measurement down."""
    lines: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(64):
        lines.put_nowait(await Line.open(up.base))
    taken: list[float] = []
    started = time.perf_counter()

    async def one(number: int) -> None:
        due = started + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        line = await lines.get()
        headers = _headers(up, first + number)
        status = await line.post("/meetings", _body(first + number), headers)
        lines.put_nowait(line)
        if status != 202:
            raise AssertionError(f"a command was answered {status}")
        taken.append((time.perf_counter() - due) * 1000)

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    while not lines.empty():
        lines.get_nowait().close()
    return taken


async def _first_invitations(up: Installation, count: int) -> list[float]:
    """Milliseconds from sending the request to the first invitation's acceptance, one by one."""
    line, taken = await Line.open(up.base), []
    for number in range(count):
        headers = (
            f'Authorization: Bearer {up.links["api_key"]}\r\nIdempotency-Key: "invite-{number}"\r\n'
        )
        name = 1_000_000 + number
        started = time.time()
        await line.post("/meetings", _body(name), headers)
        taken.append(await _accepted_at(up, f"p1-{name}@example.org") * 1000 - started * 1000)
    line.close()
    return taken


async def _accepted_at(up: Installation, recipient: str) -> float:
    """When the receiver accepted the mail, in seconds since 1970."""
    query = "SELECT accepted_at FROM mails WHERE recipient = ?"
    async with asyncio.timeout(30):
        # Asked from outside, like a mailbox.
        while not (found := up.query("catcher.db", query, recipient)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return float(found[0][0]) / 1_000_000


async def run(rates: tuple[int, ...] = (50, 500), seconds: float = 4.0) -> list[Row]:
    """First the quiet latency, then acceptance while the sagas of all those meetings start."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as data:
        async with Installation(Path(data) / "data") as up:
            await _first_invitations(up, 3)
            invited = await _first_invitations(up, 20)
            rows += _rows("request to invitation at the receiver", invited, "one by one")
            for index, rate in enumerate(rates):
                taken = await _at_rate(up, rate, seconds, (index + 1) * 100_000)
                rows += _rows(f"command durable at {rate}/s", taken, "POST /meetings, sagas start")
    return rows


def _rows(name: str, taken: list[float], note: str) -> list[Row]:
    return [
        Row(f"{name}, p{percent}", percentile(taken, percent), "ms", None, note)
        for percent in (50, 99)
    ]
