"""What is remembered of a watched mailbox, on both engines."""

from datetime import timedelta

from adapters.db import mailboxes
from adapters.db.database import Database
from domain.inbox.postponement import Postponed, Trouble
from tests.adapters.intake.letters import NOW

NAME, OTHER = "intake@mail.example:993/INBOX", "other@mail.example:993/INBOX"


def postponed(uid: int, trouble: Trouble = Trouble.FETCH, attempts: int = 1) -> Postponed:
    return Postponed(
        uid=uid, trouble=trouble, attempts=attempts, next_at=NOW + timedelta(seconds=attempts)
    )


async def waiting(database: Database, uidvalidity: int = 7, name: str = NAME) -> list[Postponed]:
    found = await database.read(lambda c: mailboxes.waiting(c, name, uidvalidity))
    return sorted(found, key=lambda one: one.uid)


async def note(database: Database, *mails: Postponed, done: tuple[int, ...] = ()) -> None:
    await database.write(lambda c: mailboxes.note(c, NAME, 7, mails, done))


async def test_what_waits_is_known_with_its_newest_trouble(database: Database) -> None:
    await note(database, postponed(1), postponed(2))
    await note(database, postponed(2, Trouble.SETTLE, 3), postponed(3))
    await note(database, done=(1,))
    await note(database, done=(1,))

    assert await waiting(database) == [postponed(2, Trouble.SETTLE, 3), postponed(3)]
    assert await waiting(database, name=OTHER) == []
    found = await database.read(lambda c: mailboxes.troubles(c, NOW))
    assert found == {Trouble.FETCH: 1, Trouble.KEEP: 0, Trouble.FULL: 0, Trouble.SETTLE: 1}
    later = await database.read(lambda c: mailboxes.troubles(c, NOW + timedelta(days=2)))
    assert not any(later.values()), "nobody watches that mailbox any more"


async def test_uids_that_are_given_out_anew_leave_nothing_of_the_old_ones(
    database: Database,
) -> None:
    await note(database, postponed(1))

    assert await waiting(database, 8) == []
    await database.write(lambda c: mailboxes.reach(c, NAME, 8, 5, NOW))

    assert await waiting(database, 7) == []
    assert await database.read(lambda c: mailboxes.reached(c, NAME, 7)) == 0
    assert await database.read(lambda c: mailboxes.reached(c, NAME, 8)) == 5
