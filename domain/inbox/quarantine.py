"""Mail in quarantine and mail that could not be read: what an operator may do about each."""

from enum import StrEnum


class Custody(StrEnum):
    """Where a mail of the quarantine stands."""

    KEPT = "kept"
    REPLAYED = "replayed"  # it went into the inbox after all
    DISCARDED = "discarded"
