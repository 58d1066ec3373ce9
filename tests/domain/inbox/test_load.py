"""When an address has room for another mail."""

import pytest

from domain.inbox.load import MAILS_PER_DAY, MOST_UNREAD, OCTETS_PER_DAY, Load


@pytest.mark.parametrize(
    ("load", "is_full"),
    [
        (Load(unread=0, mails=0, octets=0), False),
        (Load(unread=MOST_UNREAD - 1, mails=MAILS_PER_DAY - 1, octets=OCTETS_PER_DAY - 1), False),
        (Load(unread=MOST_UNREAD, mails=0, octets=0), True),
        (Load(unread=0, mails=MAILS_PER_DAY, octets=0), True),
        (Load(unread=0, mails=0, octets=OCTETS_PER_DAY), True),
    ],
)
def test_each_limit_by_itself_makes_an_address_full(load: Load, is_full: bool) -> None:
    assert load.is_full is is_full
