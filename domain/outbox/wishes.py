"""Whoever is written to, as the page for their wishes shows them."""

from domain.postage import MailWish
from domain.values import Frozen


class Addressee(Frozen):
    """Whom a token stands for: a party of a meeting's stream, or nobody's (0), and what mail they
    want now. Nothing here names them: the link may have been passed on."""

    stream: str
    party: int
    wish: MailWish
