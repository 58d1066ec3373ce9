"""When a mail that made trouble is tried again."""

from domain.inbox.postponement import pause_after


def test_pauses_grow_to_a_quarter_of_an_hour() -> None:
    assert [pause_after(n, 1.0) for n in (1, 2, 3, 10, 11, 999)] == [1, 2, 4, 512, 900, 900]
