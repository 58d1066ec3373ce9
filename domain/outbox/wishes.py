"""Whoever is written to, as the page for their wishes shows them."""

from domain.access import nameless
from domain.postage import MailWish
from domain.values import Frozen

_GENERAL = "recipient/"


def general_stream(owner: str, address: str) -> str:
    """The stream of whoever gets an owner's general mail at `address`; it names nobody."""
    return f"{_GENERAL}{owner}/{nameless(address)}"


def general_owner(stream: str) -> str | None:
    """Whose general mail a stream is about; None for other streams."""
    if not stream.startswith(_GENERAL):
        return None
    return stream.removeprefix(_GENERAL).rpartition("/")[0]


class Addressee(Frozen):
    """Whom a token stands for: a party of a meeting's stream, or nobody's (0), and what mail they
    want now. Nothing here names them: the link may have been passed on."""

    stream: str
    party: int
    wish: MailWish
