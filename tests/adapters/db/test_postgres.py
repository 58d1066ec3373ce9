"""What only PostgreSQL can get into: deadlocks, lost connections, a server that goes away."""

import asyncio
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter

from adapters.db.database import Database
from adapters.db.faults import DatabaseDown
from adapters.db.opening import open_database
from domain.errors import Unavailable
from tests.adapters.db.notes import kept, put
from tests.postgres import PostgresServer

END_MYSELF = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_deadlock_is_resolved_by_running_again(postgres: Database) -> None:
    for note in ("one", "two"):
        await postgres.write(partial(put, note=note))
    both_hold_one = threading.Barrier(2)
    attempts: list[str] = []

    def raise_both(first: str, second: str) -> Callable[[sa.Connection], None]:
        def work(c: sa.Connection) -> None:
            attempts.append(first)
            for note in (first, second):
                c.execute(
                    sa.text("UPDATE capabilities SET party = party + 1 WHERE token_hash = :note"),
                    {"note": note},
                )
                if note == first and len(attempts) <= 2:
                    both_hold_one.wait(10)

        return work

    await asyncio.gather(
        postgres.write(raise_both("one", "two")), postgres.write(raise_both("two", "one"))
    )

    parties = await postgres.read(
        lambda c: c.execute(sa.text("SELECT party FROM capabilities")).scalars().all()
    )
    assert list(parties) == [3, 3]
    assert len(attempts) > 2


async def test_a_connection_lost_before_the_commit_costs_nothing(postgres: Database) -> None:
    attempts = []

    def lose_the_first(c: sa.Connection) -> None:
        attempts.append(1)
        put(c, "note")
        if len(attempts) == 1:
            c.execute(END_MYSELF)

    await postgres.write(lose_the_first)

    assert await kept(postgres) == {"note"}
    assert len(attempts) == 2


async def test_a_connection_lost_during_the_commit_is_not_run_again(postgres: Database) -> None:
    """Nobody can know whether it was done, so nobody pretends to."""
    attempts = []

    def fail_at_commit(c: sa.Connection) -> None:
        c.exec_driver_sql(
            "CREATE FUNCTION fall_over() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        c.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER last AFTER INSERT ON capabilities "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fall_over()"
        )

    def count_and_put(c: sa.Connection) -> None:
        attempts.append(1)
        put(c, "note")

    await postgres.write(fail_at_commit)
    with pytest.raises(Unavailable, match="not known"):
        await postgres.write(count_and_put)

    assert len(attempts) == 1


async def test_a_swallowed_failure_is_not_taken_for_a_commit(postgres: Database) -> None:
    """The server answers COMMIT of a failed transaction with a silent rollback."""

    def go_on_regardless(c: sa.Connection) -> None:
        put(c, "lost")
        with pytest.raises(sa.exc.DBAPIError):
            c.exec_driver_sql("SELECT nothing FROM nowhere")

    with pytest.raises(RuntimeError, match="nothing was written"):
        await postgres.write(go_on_regardless)

    assert await kept(postgres) == set()


async def test_everything_goes_on_after_the_server_restarts(
    postgres: Database, postgres_server: PostgresServer
) -> None:
    await postgres.write(lambda c: put(c, "before"))
    await asyncio.gather(*(kept(postgres) for _ in range(6)))  # several connections to lose
    postgres_server.stop(signal.SIGQUIT)
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            await postgres.write(lambda c: put(c, "while down"))
        with pytest.raises(Unavailable, match="does not answer"):
            await kept(postgres)
    finally:
        postgres_server.start()

    await postgres.write(lambda c: put(c, "after"))
    assert await kept(postgres) == {"before", "after"}


PIDS = sa.text("SELECT pid FROM pg_stat_activity WHERE application_name = 'parley'")


@contextmanager
def silenced(pids: Sequence[int]) -> Iterator[None]:
    """The server processes of these connections take what they are sent and answer nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_a_silent_server_is_given_up_and_its_threads_come_back(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(kept(postgres) for _ in range(6)))
    pids = await postgres.read(lambda c: c.execute(PIDS).scalars().all())
    monkeypatch.setattr("adapters.db.postgres.DEADLINE", 0.3)

    with silenced(pids):
        # More than there are threads: those that wait for one are answered as well.
        calls = (kept(postgres) for _ in range(40))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        monkeypatch.setattr("adapters.db.postgres.DEADLINE", 10.0)
        await postgres.write(lambda c: put(c, "after"))  # a new connection has its own process
        found = await asyncio.gather(*(kept(postgres) for _ in range(12)))

    assert {type(one) for one in outcomes} <= {Unavailable, set}
    assert sum(isinstance(one, Unavailable) for one in outcomes) >= len(pids)
    assert found == [{"after"}] * 12


async def test_a_call_nobody_waits_for_gives_its_thread_back_too(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A readiness check stops waiting long before the deadline."""
    monkeypatch.setattr("adapters.db.postgres.DEADLINE", 0.3)
    asleep = sa.text("SELECT pg_sleep(60)")
    impatient = [
        asyncio.create_task(postgres.read(lambda c: c.execute(asleep).scalar())) for _ in range(6)
    ]
    await postgres.write(lambda c: put(c, "note"))
    for one in impatient:
        one.cancel()
    await asyncio.gather(*impatient, return_exceptions=True)
    monkeypatch.setattr("adapters.db.postgres.DEADLINE", 10.0)

    assert await kept(postgres) == {"note"}


async def test_a_dead_line_and_an_endless_statement_are_noticed(postgres: Database) -> None:
    """By the client's kernel and by the server, before any caller's deadline."""
    wanted = {"statement_timeout": "20s", "lock_timeout": "10s"}

    def shown(c: sa.Connection) -> tuple[dict[str, str], dict[str, str]]:
        raw = c.connection.dbapi_connection
        assert isinstance(raw, psycopg.Connection)
        limits = {name: c.exec_driver_sql(f"SHOW {name}").scalar_one() for name in wanted}
        return limits, raw.info.get_parameters()

    limits, line = await postgres.read(shown)

    assert limits == wanted
    assert line["tcp_user_timeout"] == "20000"
    assert (line["keepalives_idle"], line["keepalives_interval"]) == ("30", "5")
    assert line["keepalives_count"] == "3"


async def test_an_unreachable_server_is_said_to_be_one(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """To operators by its name, to everybody else without one."""
    with pytest.raises(DatabaseDown) as unknown:
        open_database(postgres_server.url("nowhere"))
    with pytest.raises(DatabaseDown) as away:
        open_database("postgresql://parley:hush@127.0.0.1:1/parley")

    assert '"nowhere" does not exist' in unknown.value.reason
    assert '"nowhere" does not exist' in caplog.text
    assert "127.0.0.1" in away.value.reason
    assert "hush" not in away.value.reason + caplog.text
    for refusal in (unknown.value, away.value):
        assert str(refusal) == "The database does not answer; try again."
        told = Failure()
        DefaultFailureConverter().to_failure(refusal, DefaultPayloadConverter(), told)
        assert not told.HasField("cause")


async def test_errors_do_not_repeat_what_stands_in_rows(postgres: Database) -> None:
    """The server quotes the values of a key that is taken."""
    address = "@".join(("someone", "example.org"))  # tracebacks quote these lines
    await postgres.write(lambda c: put(c, address))

    with pytest.raises(exc.IntegrityError) as refused:
        await postgres.write(lambda c: put(c, address))

    assert "unique" in str(refused.value)
    assert address not in "".join(traceback.format_exception(refused.value))


async def test_many_writers_of_one_row_all_get_their_turn(postgres: Database) -> None:
    await postgres.write(lambda c: put(c, "row"))
    raised = sa.text("UPDATE capabilities SET party = party + 1")

    await asyncio.gather(*(postgres.write(lambda c: c.execute(raised).rowcount) for _ in range(50)))

    party = sa.text("SELECT party FROM capabilities")
    assert await postgres.read(lambda c: c.execute(party).scalar()) == 51
