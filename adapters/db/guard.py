"""A SQLite file belongs to one process; the second one is refused, naming the first."""

import fcntl
import os
import threading
from pathlib import Path

from domain.errors import Unavailable


class DatabaseInUse(Unavailable):
    """Another process (or this one, once already) has the file open. `pid` is its id, or None
    when it has not yet written it down."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"{path} is in use by {holder}; a SQLite database belongs to one process. "
            "Reach it through that process's API, or stop it first."
        )
        self.pid = pid


_held: set[Path] = set()
_held_lock = threading.Lock()


class FileGuard:
    """Holds `<file>.lock` for as long as this process uses the file.

    A POSIX record lock, not flock: forked children do not inherit it, so a child that outlives
    us does not keep the file. The kernel drops it at death, so no lock is ever stale. It does
    not stop a second opening within one process (and closing that would drop the first's
    lock): the set of held paths does.
    """

    def __init__(self, path: Path) -> None:
        """Takes the file. Raises `DatabaseInUse`."""
        self._path = path.resolve()
        _remember(self._path)
        try:
            self._descriptor: int | None = _locked(self._path)
        except BaseException:
            _forget(self._path)
            raise

    def release(self) -> None:
        """Lets the file go; a second call does nothing."""
        if self._descriptor is None:
            return
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None
        _forget(self._path)


def _remember(path: Path) -> None:
    with _held_lock:
        if path in _held:
            raise DatabaseInUse(path, os.getpid())
        _held.add(path)


def _forget(path: Path) -> None:
    with _held_lock:
        _held.discard(path)


def _locked(path: Path) -> int:
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as refused:  # POSIX allows either for a held lock
        pid = _written_pid(descriptor)
        os.close(descriptor)
        raise DatabaseInUse(path, pid) from refused
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _written_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
