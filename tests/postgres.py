"""A PostgreSQL server of our own for tests: started from installed binaries, gone afterwards.

It listens on a Unix socket in its own directory only, so nothing else meets it. It refuses to
run as root; then it runs as the user `postgres` that the Debian package makes.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

_QUICK = ("fsync=off", "full_page_writes=off")
_ALWAYS = (
    "listen_addresses=",
    "max_connections=80",
    "shared_buffers=64MB",
    "logging_collector=off",
)


def find_binaries() -> Path | None:
    """The directory with `initdb` and `postgres`: on PATH, or the newest Debian one."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(versions, key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """One server with databases made from a migrated template.

    `is_durable` leaves fsync on: needed for measuring, not for surviving a killed process.
    `copied`: begin as a copy of that server's files, which must be stopped, not as a new one.
    """

    def __init__(
        self, binaries: Path, *, is_durable: bool = False, copied: "PostgresServer | None" = None
    ) -> None:
        self._binaries = binaries
        self._settings = _ALWAYS if is_durable else _ALWAYS + _QUICK
        # Not pytest's own directory: the user `postgres` may not enter that one.
        self.directory = Path(tempfile.mkdtemp(prefix="parley-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        if copied is None:
            self._initialise()
        else:
            subprocess.run(["cp", "-a", copied.directory / "data", self.directory], check=True)

    def _initialise(self) -> None:
        command = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        data = self.directory / "data"
        subprocess.run(
            self._as_user("initdb", *command, "--username=postgres", "-D", str(data)),
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.directory,
        )

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() != 0:
            return command
        # --pdeathsig: killed tests leave no server behind.
        who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return [*who, "--pdeathsig=INT", *command]

    def start(self) -> None:
        """Start serving; returns when it answers."""
        options = [part for one in self._settings for part in ("-c", one)]
        sockets = ["-c", f"unix_socket_directories={self.directory}"]
        data = str(self.directory / "data")
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._as_user("postgres", "-D", data, *options, *sockets),
                stdout=log,
                stderr=log,
                cwd=self.directory,
            )
        while not self._answers():
            self._check_alive()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _check_alive(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            return
        raise RuntimeError((self.directory / "log").read_text()[-2000:])

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends connections and shuts down, SIGQUIT is as good as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def processes(self) -> list[int]:
        """The ids of all its processes, the one that makes the others first."""
        assert self._process is not None
        first = str(self._process.pid)
        stats = (path.read_text() for path in Path("/proc").glob("[0-9]*/stat"))
        # The name in front may hold anything; after it come state and parent.
        fields = ((text.split()[0], text.rpartition(")")[2].split()[1]) for text in stats)
        return [int(first), *(int(pid) for pid, parent in fields if parent == first)]

    def remove(self) -> None:
        """Stop it and delete what it kept."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory)

    def conninfo(self, database: str) -> str:
        return f"host={self.directory} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        """What `open_database` takes."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def create(self, template: str = "template1") -> str:
        """A fresh copy of `template`; returns its name."""
        self._count += 1
        name = f"parley_{self._count}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())
