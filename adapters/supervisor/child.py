"""One program that is kept running: started on a leash, started again when it dies."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.supervisor.logs import set_aside_if_big
from adapters.supervisor.tenure import Tenure
from domain.errors import Unavailable

_LEASH = str(Path(__file__).with_name("leash.py"))
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
STEADY_AFTER = 30.0
"""Seconds; a child that lived this long starts again with the first pause."""

MISSES = 3
"""Looks in a row that found no life, after which a child is ended. Each waits long: a machine that
is merely slow must not lose its service for it."""

_NOT_STARTED = 127
_LOOK_AT_LOG_EVERY = 5.0


class ChildFailed(Unavailable):
    """A child died again and again before it was ever ready."""

    code = "child-failed"

    def __init__(self, name: str, code: int, log: Path) -> None:
        super().__init__(f"{name} ended with status {code} before it was ready; see {log}.")
        self.name = name
        self.log = log


@dataclass(frozen=True)
class ChildPlan:
    """How a child is started, known to be ready, and stopped. Times are in seconds.

    `prepare` makes sure that it is ready and returns; without it the child itself writes to
    the file descriptor it is given as `--ready-fd`. Where `is_alive` is given, it is asked
    every `look_every` seconds once the child is ready, and may take `look_within`. A log of more
    than `log_limit` bytes is set aside.
    """

    name: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], Awaitable[None]] | None = None
    stop_within: float = 20.0
    tries: int = 4
    is_alive: Callable[[], Awaitable[bool]] | None = None
    look_every: float = 10.0
    look_within: float = 30.0
    log_limit: int = 20_000_000


class Child:
    """A running child. `on_news` hears of deaths and restarts in plain words."""

    def __init__(
        self, plan: ChildPlan, logs: Path, tenure: Tenure, on_news: Callable[[str], None]
    ) -> None:
        self.plan = plan
        self.log = logs / f"{plan.name}.log"
        self.ready = asyncio.Event()
        self._tenure = tenure
        self._on_news = on_news
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process else None

    async def keep_running(self) -> None:
        """Run until `stop`. Raises `ChildFailed` when it never gets ready."""
        pause, failures = FIRST_PAUSE, 0
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            started_at = clock()
            was_ready, code = await self._run_once()
            failures = 0 if was_ready else failures + 1
            if self._stopping.is_set():
                return
            if failures >= self.plan.tries and not self.ready.is_set():
                raise ChildFailed(self.plan.name, code, self.log)
            if clock() - started_at > STEADY_AFTER:
                pause = FIRST_PAUSE
            self._on_news(f"{self.plan.name} {_how_it_ended(code)}; starting it again")
            await self._rest(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _rest(self, pause: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stopping.wait()

    async def _run_once(self) -> tuple[bool, int]:
        """Start it and wait for its end: whether it was ready in between, and its status."""
        readable, writable = os.pipe()
        try:
            process = await self._spawn(writable)
        except OSError as failure:  # no memory, no processes left: as if it had died at once
            os.close(readable)
            self._on_news(f"{self.plan.name} could not be started: {failure}")
            return False, _NOT_STARTED
        finally:
            os.close(writable)
        self._process = process
        if self._stopping.is_set():  # asked to stop while it was being started
            self.kill()
        self._tenure.note(self.plan.name, process.pid)
        was_ready = asyncio.Event()
        minding = [
            asyncio.create_task(self._mind(process.pid, readable, was_ready)),
            asyncio.create_task(self._keep_log_small()),
        ]
        try:
            code = await process.wait()
        finally:
            for task in minding:
                task.cancel()
            self._process = None
            _end_rest_of_group(process.pid)
            await asyncio.gather(*minding, return_exceptions=True)
        self._tenure.forget(self.plan.name)
        return was_ready.is_set(), code

    async def _spawn(self, ready_fd: int) -> asyncio.subprocess.Process:
        told = [] if self.plan.prepare else ["--ready-fd", str(ready_fd)]
        assignments = [f"{name}={value}" for name, value in self.plan.variables.items()]
        leash = [sys.executable, "-E", "-S", _LEASH, str(os.getpid()), *assignments, "--"]
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *leash,
                *self.plan.command,
                *told,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[] if self.plan.prepare else [ready_fd],
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops us in order
            )

    async def _keep_log_small(self) -> None:
        while True:
            try:
                set_aside_if_big(self.log, self.plan.log_limit)
            except OSError as failure:  # a full disk, say: the child may still do something
                self._on_news(f"the log of {self.plan.name} could not be set aside: {failure}")
            await asyncio.sleep(_LOOK_AT_LOG_EVERY)

    async def _mind(self, pid: int, readable: int, was_ready: asyncio.Event) -> None:
        """See that it gets ready, and stays alive; end it otherwise, to be started again."""
        try:
            is_ready = await self._gets_ready(readable)
        except Exception as failure:
            self._end_for(pid, f"did not get ready: {failure}")
            return
        if not is_ready:  # it has ended
            return
        was_ready.set()
        self.ready.set()
        if self.plan.is_alive is not None:
            await self._until_lifeless(self.plan.is_alive)
            self._end_for(pid, "does not answer any more")

    async def _gets_ready(self, readable: int) -> bool:
        if self.plan.prepare is None:
            return await _first_byte(readable)
        os.close(readable)
        await self.plan.prepare()
        return True

    async def _until_lifeless(self, is_alive: Callable[[], Awaitable[bool]]) -> None:
        misses = 0
        while misses < MISSES:
            await asyncio.sleep(self.plan.look_every)
            try:
                # Not `wait_for`: before Python 3.12 it loses a cancellation that comes in the
                # instant of the answer, and we would look for ever.
                async with asyncio.timeout(self.plan.look_within):
                    found = await is_alive()
            except Exception:  # nobody listens, or it took too long
                found = False
            misses = 0 if found else misses + 1

    def _end_for(self, pid: int, reason: str) -> None:
        """End this run; one that is being stopped has its own time for it."""
        if not self._stopping.is_set():
            self._on_news(f"{self.plan.name} {reason}; ending it")
            _end_rest_of_group(pid)

    async def stop(self) -> None:
        """Ask it to end, and end it for good when it takes too long."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.plan.stop_within):
                await process.wait()
        except TimeoutError:
            self._on_news(f"{self.plan.name} did not stop in {self.plan.stop_within:g} s; ended it")
            self.kill()

    def kill(self) -> None:
        """End it and its group at once."""
        self._stopping.set()
        if self._process is not None:
            _end_rest_of_group(self._process.pid)

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        with contextlib.suppress(FileNotFoundError):
            text = self.log.read_bytes()[-8000:].decode(errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return ""


async def _first_byte(readable: int) -> bool:
    """Whether a byte came before the other end was closed."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(readable, "rb", 0))
    try:
        return bool(await reader.read(1))
    finally:
        transport.close()


def _end_rest_of_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
