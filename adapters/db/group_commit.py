"""The one thread that writes a SQLite file, many requests to a commit.

A commit on disk costs far more than four statements, so requests that wait together are
committed together. Each runs inside a savepoint: one that fails is undone alone.
"""

import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from adapters.db.bell import LocalBell, take_news
from adapters.db.discipline import commit, forbid_commits, misuse
from adapters.db.faults import explained
from domain.errors import Unavailable

T = TypeVar("T")
_log = logging.getLogger(__name__)

BATCH = 128
"""Requests to a commit at most: bounds how long the first of them waits for the last."""


@dataclass(eq=False)
class _Request:
    work: Callable[[sa.Connection], Any]
    answer: "Future[Any]"
    result: Any = None
    error: BaseException | None = None
    news: set[str] = field(default_factory=set)


class _TransactionLost(Exception):
    """The whole transaction is gone or spoiled; only a new one helps."""


class GroupCommit:
    """Runs write requests in order of arrival on a thread of its own.

    A request is answered only after the commit that holds it. Work may run twice: when one
    request spoils the whole transaction, the others are run again without it.
    """

    def __init__(self, engine: sa.Engine, bell: LocalBell) -> None:
        self._engine = engine
        self._bell = bell
        self._connection: sa.Connection | None = None
        forbid_commits(engine)
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        # No request may be queued behind the one that ends the thread: it would never be answered.
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="parley-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sa.Connection], T]) -> "Future[T]":
        """Queue `work`. Cancelling the future before its turn means that it never runs."""
        answer: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise Unavailable("The database has been closed.")
            self._queue.put(_Request(work, answer))
        return answer

    @property
    def is_alive(self) -> bool:
        """Whether requests are still answered; False when closed, or when the thread has died."""
        return self._thread.is_alive() and not self._closed

    def close(self) -> None:
        """Finish everything queued, then end the thread. Blocks until it has ended."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        pending: list[_Request] = []
        try:
            while (batch := self._next_batch()) is not None:
                # A cancelled request must be skipped here: answering it would raise.
                pending = [one for one in batch if one.answer.set_running_or_notify_cancel()]
                del batch
                while pending:
                    pending = self._survive(pending)
            self._drop_connection()
        finally:
            self._refuse([*pending, *self._left_over()])

    def _survive(self, requests: Sequence[_Request]) -> list[_Request]:
        """As `_attempt`, whatever happens: work may have left the connection in any state."""
        try:
            return self._attempt(requests)
        except BaseException as error:
            self._fail(requests, error)
            return []

    def _left_over(self) -> list[_Request]:
        """What is still queued when the thread ends: nothing after `close`."""
        with self._gate:
            self._closed = True
        left: list[_Request] = []
        with contextlib.suppress(queue.Empty):
            while True:
                request = self._queue.get_nowait()
                if request is not None and request.answer.set_running_or_notify_cancel():
                    left.append(request)
        return left

    def _refuse(self, requests: Sequence[_Request]) -> None:
        """Nobody may wait for a thread that has ended."""
        for request in requests:
            if not request.answer.done():
                request.answer.set_exception(Unavailable("The database has been closed."))

    def _next_batch(self) -> list[_Request] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < BATCH:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._queue.put(None)  # end after this batch
                break
            batch.append(request)
        return batch

    def _attempt(self, requests: Sequence[_Request]) -> list[_Request]:
        """Run and commit `requests` in one transaction; returns those to run again."""
        try:
            connection = self._connected()
            root = connection.begin()
        except BaseException as error:
            self._fail(requests, error)
            return []
        for number, request in enumerate(requests):
            try:
                self._run_in_savepoint(connection, root, request)
            except _TransactionLost as lost:
                self._drop_connection()
                request.error = request.error or lost.__cause__
                _answer(request)
                return [*_reset(requests[:number]), *requests[number + 1 :]]
        return self._commit(connection, root, requests)

    def _run_in_savepoint(
        self, connection: sa.Connection, root: sa.RootTransaction, request: _Request
    ) -> None:
        raw = connection.connection
        _driver(raw, "SAVEPOINT request")
        try:
            request.result = request.work(connection)
            request.error = misuse(connection, root)
        except BaseException as error:  # whatever it is, this thread must live on
            request.error = error
        with contextlib.suppress(exc.InvalidRequestError):  # the work closed the connection
            request.news = take_news(connection)
        if misuse(connection, root) is not None:
            raise _TransactionLost from request.error
        if request.error is not None:
            _driver(raw, "ROLLBACK TO request")
        _driver(raw, "RELEASE request")

    def _commit(
        self, connection: sa.Connection, root: sa.RootTransaction, requests: Sequence[_Request]
    ) -> list[_Request]:
        try:
            commit(connection, root)
        except BaseException as error:
            self._fail([one for one in requests if one.error is None], error)
            requests = [one for one in requests if one.error is not None]
        news = {topic for one in requests if one.error is None for topic in one.news}
        try:
            # Before the answers: a key that was revoked is forgotten when its revoker is told.
            self._bell.ring_all(news)
        finally:
            for request in requests:
                _answer(request)
        return []

    def _fail(self, requests: Sequence[_Request], error: BaseException) -> None:
        _log.error("a commit of %d requests failed: %s", len(requests), type(error).__name__)
        self._drop_connection()
        for request in requests:
            if not request.answer.done():
                request.answer.set_exception(explained(error))

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _drop_connection(self) -> None:
        """Throw the connection away with whatever state it is in; the next one starts clean."""
        connection, self._connection = self._connection, None
        if connection is not None:
            for end in (connection.invalidate, connection.close):
                with contextlib.suppress(Exception):  # it may be past saving; that is why it goes
                    end()


def _driver(raw: Any, statement: str) -> None:
    """Straight to the driver: SQLAlchemy's own savepoints cost as much as a statement."""
    try:
        raw.dbapi_connection.execute(statement)
    except sqlite3.Error as error:
        raise _TransactionLost from error


def _reset(requests: Sequence[_Request]) -> list[_Request]:
    for request in requests:
        request.result, request.error, request.news = None, None, set()
    return list(requests)


def _answer(request: _Request) -> None:
    if request.error is not None:
        request.answer.set_exception(explained(request.error))
    else:
        request.answer.set_result(request.result)
