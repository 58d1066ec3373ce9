"""How much may come to one address: each is in one party's hands, and disks are finite."""

from domain.values import Frozen

MOST_UNREAD = 100
MAILS_PER_DAY = 200
OCTETS_PER_DAY = 50 * 1024 * 1024
"""A party that answers, proposes and changes its mind all day stays far below these."""


class Load(Frozen):
    """What came to one address: mails still unread, and mails and octets of the last 24 hours."""

    unread: int
    mails: int
    octets: int

    @property
    def is_full(self) -> bool:
        """Whether the next mail must wait. Its sender keeps it and tries again for days, so
        nothing is lost."""
        return (
            self.unread >= MOST_UNREAD
            or self.mails >= MAILS_PER_DAY
            or self.octets >= OCTETS_PER_DAY
        )
