"""What waits in a watched folder, across connections."""

from datetime import timedelta

from adapters.intake.imap_backlog import Backlog
from domain.inbox.postponement import Postponed, Trouble
from tests.adapters.intake.letters import ANA, NOW


def known(uid: int) -> Postponed:
    return Postponed(uid=uid, trouble=Trouble.FETCH, attempts=4, next_at=NOW)


def test_what_the_database_was_not_told_yet_still_holds() -> None:
    backlog = Backlog(1.0)
    backlog.begin(7, 3, [known(1), known(2)])
    backlog.postpone(2, Trouble.FULL, NOW, (ANA,))
    backlog.postpone(3, Trouble.KEEP, NOW)
    backlog.settle(1)

    backlog.begin(7, 3, [known(1), known(2)])

    troubles = {uid: entry.postponed.trouble for uid, entry in backlog.waiting.items()}
    assert troubles == {2: Trouble.FULL, 3: Trouble.KEEP}
    assert backlog.waiting[2].recipients == (ANA,)
    assert backlog.changed == {1, 2, 3}


def test_other_uids_are_other_mails() -> None:
    backlog = Backlog(1.0)
    backlog.begin(7, 3, [])
    backlog.postpone(2, Trouble.FULL, NOW)

    backlog.begin(8, 0, [])

    assert (backlog.waiting, backlog.changed, backlog.reached) == ({}, set(), 0)


def test_the_same_trouble_pauses_ever_longer_and_another_begins_anew() -> None:
    backlog = Backlog(10.0)

    assert backlog.postpone(1, Trouble.FETCH, NOW)
    assert not backlog.postpone(1, Trouble.FETCH, NOW)
    assert backlog.due_in(NOW, most=300) == 20
    assert backlog.due(NOW + timedelta(seconds=19), 9) == []
    assert backlog.due(NOW + timedelta(seconds=20), 9) == [1]
    assert backlog.postpone(1, Trouble.SETTLE, NOW)
    assert backlog.due_in(NOW, most=300) == 10
    assert backlog.due_in(NOW, most=5) == 5
    assert backlog.due_in(NOW + timedelta(days=1), most=5) == 0


def test_of_many_that_are_due_those_come_first_that_are_for_longest() -> None:
    backlog = Backlog(10.0)
    for uid, seconds in ((1, 2), (2, 1), (3, 1), (4, 99)):
        backlog.postpone(uid, Trouble.FULL, NOW + timedelta(seconds=seconds))

    assert backlog.due(NOW + timedelta(seconds=20), most=2) == [2, 3]
    assert backlog.due(NOW + timedelta(seconds=20), most=9) == [2, 3, 1]
