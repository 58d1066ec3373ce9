"""One folder of an IMAP4rev1 server (RFC 3501), as far as taking mail out of it needs.

Everything here blocks, and belongs on one thread; only `hang_up` may be called from another.
Nothing of it is logged: the library's own log would hold addresses.
"""

import contextlib
import logging
import socket
import ssl
from dataclasses import dataclass, field
from typing import Literal, Protocol

from imapclient import SEEN, IMAPClient  # type: ignore[import-untyped]  # it has no stubs
from imapclient.exceptions import (  # type: ignore[import-untyped]
    IMAPClientAbortError,
    IMAPClientError,
)

ANSWERS_WITHIN = 60.0
"""Seconds that a server may take for anything but news."""

LARGEST = 10 * 1024 * 1024
"""Octets of a mail that are fetched; a larger one is kept cut off."""

_BODY = f"BODY.PEEK[]<0.{LARGEST}>"


@dataclass(frozen=True)
class Account:
    """Where the mailbox is, and what is done with a mail that was taken: it goes to the folder
    `done`, or is marked as read where that is empty. `tls` says whom to trust, None for the
    system's list of authorities."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    done: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What tells it from every other mailbox."""
        return f"{self.username}@{self.host}:{self.port}/{self.folder}"

    @property
    def moves(self) -> bool:
        """Whether there is a folder `done`, which is not the watched one: a mail that was moved
        there would be a new one for ever."""
        return self.done.casefold() not in ("", self.folder.casefold())


class Withheld(Exception):
    """The server lists a mail, and does not give it."""


def is_refusal(fault: Exception) -> bool:
    """Whether the server refused one thing that it was asked, and can be asked another."""
    if isinstance(fault, IMAPClientAbortError):
        return False
    return isinstance(fault, IMAPClientError | Withheld)


class Folder(Protocol):
    """A folder that is open. Every method but `hang_up` raises whatever a broken line raises."""

    @property
    def uidvalidity(self) -> int:
        """While it stays the same, so do the UIDs (RFC 3501 §2.3.1.1)."""
        ...

    def above(self, uid: int) -> list[int]:
        """The UIDs above `uid`, lowest first."""
        ...

    def has(self, uid: int) -> bool: ...

    def fetch(self, uid: int) -> bytes | None:
        """The mail, which stays unread; None when it is gone. Raises `Withheld` as well."""
        ...

    def settle(self, uid: int) -> None:
        """Do what is done with a mail that was taken; again does no harm."""
        ...

    @property
    def has_news(self) -> bool:
        """Whether the server tells by itself what comes (IDLE, RFC 2177)."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when there is news, or after `seconds`; at once where the server tells none."""
        ...

    def close(self) -> None: ...

    def hang_up(self) -> None:
        """Break the line, so that whatever blocks on it ends."""
        ...


class ImapFolder:
    """Opens the folder of `account`. Raises what the library raises, and `OSError`."""

    def __init__(self, account: Account) -> None:
        logging.getLogger("imapclient").setLevel(logging.WARNING)
        self._account = account
        self._client = IMAPClient(
            account.host,
            account.port,
            ssl=account.security == "tls",
            ssl_context=account.tls if account.security == "tls" else None,
            timeout=ANSWERS_WITHIN,
        )
        try:
            self._open()
        except BaseException:
            with contextlib.suppress(Exception):  # a line that broke would hide why it did
                self._client.shutdown()
            raise

    def _open(self) -> None:
        if self._account.security == "starttls":
            self._client.starttls(self._account.tls)
        self._client.login(self._account.username, self._account.password)
        self._done = ""  # made when it is needed: a server that refuses it still has mail
        status = self._client.select_folder(self._selected())
        self.uidvalidity = int(status[b"UIDVALIDITY"])

    def _selected(self) -> str:
        return self._account.folder

    def _made(self, folder: str) -> str:
        """The name of the folder, which is there now."""
        name = self._named(folder)
        if not self._client.folder_exists(name):
            self._client.create_folder(name)
        return name

    def _named(self, folder: str) -> str:
        """The name of the folder on this server, which may write a path in its own way."""
        [(_, delimiter, _), *_] = self._client.list_folders("", "") or [((), b"/", "")]
        return folder.replace("/", (delimiter or b"/").decode("ascii", "replace"))

    def above(self, uid: int) -> list[int]:
        # `n:*` always gives the last one, also when it is below n (RFC 3501 §6.4.8).
        found = self._client.search(["UID", f"{uid + 1}:*"])
        return sorted(one for one in found if one > uid)

    def fetch(self, uid: int) -> bytes | None:
        found = self._client.fetch([uid], [_BODY]).get(uid, {})
        body = found.get(b"BODY[]<0>", found.get(b"BODY[]"))
        if body is None and self.has(uid):
            raise Withheld
        return None if body is None else bytes(body)

    def has(self, uid: int) -> bool:
        return uid in self._client.search(["UID", str(uid)])

    def settle(self, uid: int) -> None:
        if not self._account.moves:
            self._client.add_flags([uid], [SEEN], silent=True)
            return
        self._done = self._done or self._made(self._account.done)
        try:
            self._move(uid)
        except IMAPClientError:
            self._done = ""  # it may have been deleted, and is made anew
            raise

    def _move(self, uid: int) -> None:
        if self._client.has_capability("MOVE"):
            self._client.move([uid], self._done)
        else:
            self._client.copy([uid], self._done)
            self.remove([uid])

    def remove(self, uids: list[int]) -> None:
        """Delete these mails, and no others: where the server can only expunge all that is marked
        (no UIDPLUS, RFC 4315), they stay marked while others are."""
        self._client.delete_messages(uids, silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge(uids)
        elif set(self._client.search(["DELETED"])) <= set(uids):
            self._client.expunge()

    def wait(self, seconds: float) -> None:
        if not self._client.has_capability("IDLE"):
            self._client.noop()
            return
        self._client.idle()
        self._client.idle_check(timeout=seconds)
        self._client.idle_done()

    @property
    def has_news(self) -> bool:
        """Whether `wait` waits."""
        return bool(self._client.has_capability("IDLE"))

    def close(self) -> None:
        for end in (self._client.logout, self._client.shutdown):
            with contextlib.suppress(Exception):  # it may be past saving
                end()

    def hang_up(self) -> None:
        with contextlib.suppress(Exception):
            self._client.socket().shutdown(socket.SHUT_RDWR)
