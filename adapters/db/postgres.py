"""PostgreSQL: a pool of connections, each used by one thread at a time.

Writes run at READ COMMITTED and rely on unique keys and row locks; what loses a race in a way
that a new transaction would not is run again. Reads see one snapshot (REPEATABLE READ).
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy import exc

from adapters.db.bell import LocalBell, take_news
from adapters.db.deadline import Call, in_time
from adapters.db.discipline import commit, forbid_commits, misuse
from adapters.db.faults import TryAgain, is_down, raise_explained, reason_of
from adapters.db.sqlite import compact_json
from domain.errors import Unavailable

T = TypeVar("T")
_log = logging.getLogger(__name__)

WRITERS = 12
READERS = 6
ATTEMPTS = 12
"""Times a write is run before its races are reported; waits between them sum to about 2 s."""

DEADLINE = 25.0
"""Seconds a call may take, waiting for a thread included; longer than the server's own limits,
which say more."""

_LIMITS = {
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
    "statement_timeout": "20s",
}
_RACES = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


def engine(url: sa.URL, *, connections: int = WRITERS + READERS) -> sa.Engine:
    """Connections to the database at `url`.

    A transaction left open holds back every reader of the journal, so the server ends those
    that do nothing for a minute. A server that is gone without a word is given up after 20 s.
    """
    made = sa.create_engine(
        url,
        connect_args={
            "connect_timeout": 5,
            "application_name": "parley",
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,  # milliseconds
            "options": " ".join(f"-c {name}={limit}" for name, limit in _LIMITS.items()),
        },
        pool_size=connections,
        max_overflow=0,
        isolation_level="READ COMMITTED",
        json_serializer=compact_json,
        hide_parameters=True,  # they are names, addresses and mails; errors end up in logs
    )
    sa.event.listen(made, "handle_error", _hide_details)
    return made


def _hide_details(context: sa.engine.ExceptionContext) -> None:
    """Keep the first line only: the server repeats values in the others ("Key (address)=(…)
    already exists."), and errors end up in logs and in Temporal's histories."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


class PostgresDatabase:
    """A `Database` on a PostgreSQL server; any number of processes may share it."""

    dialect = "postgresql"

    def __init__(self, url: sa.URL) -> None:
        self.bell = LocalBell()
        self._engine = engine(url)
        forbid_commits(self._engine)
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        # Apart, so that writers waiting for a lock do not keep readers waiting.
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="parley-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="parley-reader")
        self._is_closed = False

    @property
    def is_alive(self) -> bool:
        return not self._is_closed

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        return await in_time(self._writers, _until_won(partial(self._write, work)), DEADLINE)

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        return await in_time(self._readers, _until_won(partial(self._read, work)), DEADLINE)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._is_closed = True
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()

    def _read(self, work: Callable[[sa.Connection], T], call: Call) -> T:
        with _lent(self._snapshots, call) as (connection, _):
            return work(connection)

    def _write(self, work: Callable[[sa.Connection], T], call: Call) -> T:
        with _lent(self._engine, call) as (connection, transaction):
            take_news(connection)
            result = work(connection)
            _check(connection, transaction)
            news = take_news(connection)
            _commit(connection, transaction)
        self.bell.ring_all(news)
        return result


@contextmanager
def _lent(engine: sa.Engine, call: Call) -> Iterator[tuple[sa.Connection, sa.RootTransaction]]:
    """A connection in a transaction, rolled back unless committed.

    SQLAlchemy believes that a transaction whose commit was refused has ended and would hand the
    next borrower a connection with half-done work in it; such a connection is thrown away.
    """
    with engine.connect() as connection, call.using(connection):
        transaction = connection.begin()
        try:
            yield connection, transaction
        except BaseException:
            if not connection.closed and misuse(connection, transaction) is not None:
                connection.invalidate()
            raise
        finally:
            # Here, where it can be cut: the pool's own rollback has nothing left to ask.
            with suppress(exc.SQLAlchemyError):
                transaction.close()


def _check(connection: sa.Connection, transaction: sa.RootTransaction) -> None:
    wrong = misuse(connection, transaction)
    if wrong is not None:
        raise wrong
    raw = connection.connection.dbapi_connection
    # COMMIT of a failed transaction rolls back and reports success.
    if isinstance(raw, psycopg.Connection) and raw.info.transaction_status is _FAILED:
        raise RuntimeError("work went on after a statement failed; nothing was written")


_FAILED = TransactionStatus.INERROR


def _commit(connection: sa.Connection, transaction: sa.RootTransaction) -> None:
    try:
        commit(connection, transaction)
    except exc.DBAPIError as error:
        if not is_down(error) or isinstance(error.orig, _RACES):
            raise  # the server said what it did: nothing
        _log.warning("the connection was lost during a commit: %s", reason_of(error))
        # Not run again: the server may have committed before the connection broke.
        raise Unavailable(
            "The connection was lost during the commit; whether it was done is not known. "
            "Ask again with the same key."
        ) from None


def _until_won(attempt: Callable[[Call], T]) -> Callable[[Call], T]:
    """`attempt`, run again while it loses races or finds its connection dead."""

    def attempts(call: Call) -> T:
        for number in range(1, ATTEMPTS):
            try:
                return attempt(call)
            except (TryAgain, exc.DBAPIError) as error:
                if call.is_over or not _may_win(error):
                    raise_explained(error)
                _log.info("running a transaction again: %s", type(error).__name__)
            except Exception as error:
                raise_explained(error)
            time.sleep(random.uniform(0, min(0.005 * 2**number, 0.5)))
        try:
            return attempt(call)
        except Exception as error:
            raise_explained(error)

    return attempts


def _may_win(error: TryAgain | exc.DBAPIError) -> bool:
    """A race, or a connection that died before its commit: the pool has dropped its siblings
    too, and the next attempt connects anew or learns that the server is down."""
    if isinstance(error, TryAgain):
        return True
    return isinstance(error.orig, _RACES) or error.connection_invalidated
