"""Why a mail came back, told from the codes and words of a delivery report or an SMTP reply.

The codes are those of RFC 3463 and the registry it began. Reports that carry only a general one
(Exim says 5.0.0 whatever happened) are read on in the words of the other server, for a more
precise code first and for its phrases last.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from domain.outbox.model import DeliveryFate


class Cause(StrEnum):
    """Why a mail could not be delivered; stable words, also shown to owners."""

    NO_MAILBOX = "no-such-mailbox"
    NO_DOMAIN = "no-such-domain"
    DISABLED = "mailbox-disabled"
    FULL = "mailbox-full"
    TOO_LARGE = "too-large"
    POLICY = "refused-by-policy"
    TIMED_OUT = "timed-out"
    OTHER = "other"


_BY_CODE: Mapping[str, Cause] = MappingProxyType(
    {
        # X.1: the address. Not 5.1.7 and 5.1.8, which are about the sender's.
        "5.1.0": Cause.NO_MAILBOX,
        "5.1.1": Cause.NO_MAILBOX,
        "5.1.2": Cause.NO_DOMAIN,
        "5.1.3": Cause.NO_MAILBOX,  # not an address by its syntax
        "5.1.4": Cause.NO_MAILBOX,  # matches several
        "5.1.6": Cause.NO_MAILBOX,  # moved, no new address known
        "5.1.7": Cause.POLICY,
        "5.1.8": Cause.POLICY,
        "5.1.10": Cause.NO_MAILBOX,  # null MX (RFC 7505); Exchange: recipient not found
        # X.2: the mailbox.
        "5.2.1": Cause.DISABLED,
        "5.2.2": Cause.FULL,
        "5.2.3": Cause.TOO_LARGE,
        "4.2.2": Cause.FULL,
        "5.3.4": Cause.TOO_LARGE,
        # X.4: the way there. Only a domain that has no mail server is about the address.
        "5.4.4": Cause.NO_DOMAIN,
        "5.4.310": Cause.NO_DOMAIN,  # Exchange: the domain does not exist
        "4.4.7": Cause.TIMED_OUT,
        "5.4.7": Cause.TIMED_OUT,
    }
)

_CODE = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?![\d.]*\d)")

_BY_WORDS: tuple[tuple[Cause, re.Pattern[str]], ...] = tuple(
    (cause, re.compile(pattern, re.IGNORECASE))
    for cause, pattern in (
        (Cause.FULL, r"over ?quota|quota (?:is )?exceeded|mailbox (?:is )?full"),
        (Cause.POLICY, r"spam|black ?list|block(?:ed| ?list)|polic(?:y|ies)|denied|reputation"),
        (Cause.NO_DOMAIN, r"(?:host|domain) (?:name )?(?:not found|does not exist|unknown)"),
        (
            Cause.NO_MAILBOX,
            r"no such (?:user|mailbox|recipient|account|address|person)"
            r"|(?:user|recipient|mailbox|account|address) (?:is )?(?:unknown|not found)"
            r"|(?:unknown|invalid) (?:user|recipient|mailbox|account|address)"
            r"|no mailbox here by that name|unrouteable address"
            r"|(?:user|recipient|mailbox|account|address)[^.\n]{0,80} (?:does not|doesn't) exist",
        ),
    )
)
"""Phrases where no code says more, in the order in which they are looked for: a full mailbox and
a policy are named beside words that sound like an unknown user."""


def cause_of(status: str | None, words: str) -> Cause:
    """Why the mail came back: `status` is the code of the report (RFC 3463), `words` what the
    other server said. Temporary codes never mean that an address is dead."""
    codes = [
        code for code in (status, *_CODE.findall(words[:4000])) if code and not _is_vague(code)
    ]
    if codes:
        return _cause_of_code(codes[0])
    if _is_temporary(status, words):
        return Cause.TIMED_OUT
    found = (cause for cause, pattern in _BY_WORDS if pattern.search(words[:4000]))
    return next(found, Cause.OTHER)


def _cause_of_code(code: str) -> Cause:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.startswith("5.7."):
        return Cause.POLICY
    return Cause.TIMED_OUT if code.startswith("4.") else Cause.OTHER


def _is_vague(code: str) -> bool:
    return code.endswith(".0.0")


def _is_temporary(status: str | None, words: str) -> bool:
    if status is not None:
        return status.startswith("4.")
    reply = _REPLY.search(words)
    return reply is not None and reply[1] == "4"


def is_dead(cause: Cause) -> bool:
    """Whether the address itself is at fault, so that no other mail would reach it either."""
    return cause in (Cause.NO_MAILBOX, Cause.NO_DOMAIN, Cause.DISABLED)


_FATES: Mapping[str, DeliveryFate] = MappingProxyType(
    {
        "failed": DeliveryFate.BOUNCED,
        "delayed": DeliveryFate.DELAYED,
        "delivered": DeliveryFate.DELIVERED,
        # Delivered to the list or alias behind the address (RFC 3464 §2.3.3).
        "expanded": DeliveryFate.DELIVERED,
    }
)


def fate_of(action: str) -> DeliveryFate | None:
    """What an Action field means (RFC 3464 §2.3.3). None for `relayed`, which only says that
    nothing more will be heard, and for words it does not know."""
    return _FATES.get(action)


_WEIGHT = {
    None: 0,
    DeliveryFate.DELAYED: 1,
    DeliveryFate.DELIVERED: 2,
    DeliveryFate.BOUNCED: 3,
    DeliveryFate.COMPLAINED: 4,
}


def outweighs(new: DeliveryFate, old: DeliveryFate | None) -> bool:
    """Whether `new` is the last word where `old` was heard before; reports come in any order."""
    return _WEIGHT[new] > _WEIGHT[old]
