"""The header lines by which mail programs offer an end of mail like this."""

from domain.outbox.marks import MARK

CHOICES = "/choices"
"""What the link in the words adds to the address of the headers: that one acts at a POST without
any page (RFC 8058 §3.2), so people must not be led there."""


def list_unsubscribe(url: str, address: str, mark: str) -> tuple[tuple[str, str], ...]:
    """List-Unsubscribe (RFC 2369 §3.2) with List-Unsubscribe-Post (RFC 8058 §3.1), for a mail that
    its recipient may do without; none without an address for it.

    `mark` tells the mail whose button was pressed. One click is promised over https only, as RFC
    8058 asks.
    """
    if not url:
        return ()
    listed = f"<{url}?{MARK}={mark}>,\r\n <mailto:{address}?subject=unsubscribe>"
    lines = [("List-Unsubscribe", listed)]
    if url.startswith("https://"):
        lines.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return tuple(lines)
