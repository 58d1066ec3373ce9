"""Addresses as people write them, made into what mail understands.

A domain in another script becomes its A-label by UTS #46 and IDNA 2008; the standard library's
codec is IDNA 2003 and would send `faß.de` to somebody else (RFC 5895, UTS #46 §4).
"""

import unicodedata
from typing import Annotated

import idna
from pydantic import AfterValidator, Field

from domain.errors import BadAddress, BadInput
from domain.values import as_address

LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets


def to_mailbox(text: str) -> str:
    """`text` as one bare mail address in ASCII, its domain in lower case.

    Refuses text that compatibility normalisation would change before the `@` or into another
    set of separators: a full-width dot or `@` is how one address is made to look like another.
    Raises `BadAddress`.
    """
    bare = text.strip()
    local, at, domain = bare.rpartition("@")
    if not at or len(bare) > LONGEST_ADDRESS:
        raise BadAddress("This is not one mail address; write it like name@example.org.")
    if not local.isascii():
        raise BadAddress("The part before the @ must be plain ASCII; mail elsewhere fails.")
    return as_address(f"{local}@{_to_a_label(domain)}")


def _to_a_label(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain.lower():
        return domain
    if unicodedata.normalize("NFKC", domain) != unicodedata.normalize("NFC", domain):
        raise BadAddress("The domain holds look-alike characters; write it in its plain form.")
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise BadAddress("The domain is not one that can exist (IDNA 2008).") from None


def _checked(text: str) -> str:
    try:
        return to_mailbox(text)
    except BadInput as refusal:
        raise ValueError(str(refusal)) from refusal


Mailbox = Annotated[str, Field(max_length=LONGEST_ADDRESS), AfterValidator(_checked)]
"""One mail address, internationalised domains welcome; becomes ASCII."""
