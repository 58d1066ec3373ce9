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


MOST_KEPT_OF_ADDRESS = 20
OCTETS_KEPT_OF_ADDRESS = 40 * 1024 * 1024
"""What quarantine keeps of one address: no mail program makes mail that goes there."""

MOST_KEPT_OF_SOURCE = 1000
OCTETS_KEPT_OF_SOURCE = 500 * 1024 * 1024
"""What quarantine keeps of one way in that is for no address: a mailbox may get much of it."""


class Holding(Frozen):
    """What quarantine keeps under one name and nobody has settled, bytes that were forgotten
    left out."""

    mails: int
    octets: int

    def is_full(self, *, of_address: bool) -> bool:
        """Whether the next mail finds no room: until somebody settles some, or their time is
        over."""
        if of_address:
            return self.mails >= MOST_KEPT_OF_ADDRESS or self.octets >= OCTETS_KEPT_OF_ADDRESS
        return self.mails >= MOST_KEPT_OF_SOURCE or self.octets >= OCTETS_KEPT_OF_SOURCE
