"""A real IMAP server (pymap, in memory) for tests, and a client that looks into it."""

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from imapclient import IMAPClient  # type: ignore[import-untyped]  # it has no stubs

from adapters.intake.imap_folder import Account
from tests.patience import until

USER, PASSWORD = "intake", "open sesame"


class ImapServer:
    """One mailbox; `account` is how to reach its folder `Mail`."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self._tls = ["--no-tls"]
        if certificate is not None:
            self._tls = ["--cert", str(certificate), "--key", str(certificate)]
        self.account = Account(
            host="127.0.0.1",
            port=port,
            security="none",
            username=USER,
            password=PASSWORD,
            folder="Mail",
            done="Parley/Done",
        )
        self._process: asyncio.subprocess.Process | None = None
        self._client: IMAPClient | None = None
        self._lock = threading.Lock()

    @property
    def marking(self) -> Account:
        """The same account, where what was taken is marked instead of moved."""
        return replace(self.account, done="")

    async def start(self) -> None:
        port = str(self.account.port)
        self._process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-c",
                "from pymap.main import main; main()",
                "--host",
                "127.0.0.1",
                "--port",
                port,
                *self._tls,
            ),
            *("dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until(self._answers)
        if "--no-tls" in self._tls:
            await asyncio.to_thread(self.make_folder)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.account.port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        assert self._process is not None
        self._leave()
        self._process.kill()
        await self._process.wait()

    @contextmanager
    def client(self) -> Iterator[IMAPClient]:
        """One that stays signed in: the server's password hash takes its time."""
        with self._lock:
            if self._client is None:
                self._client = IMAPClient("127.0.0.1", self.account.port, ssl=False, timeout=60)
                self._client.login(USER, PASSWORD)
            yield self._client

    def _leave(self) -> None:
        with self._lock, suppress(Exception):
            if self._client is not None:
                self._client.shutdown()
        self._client = None

    def make_folder(self) -> None:
        """The folder, empty; where there was one, its UIDs are given out anew. Nothing is done."""
        with self.client() as client:
            for folder in (self.account.folder, self.account.done):
                if client.folder_exists(folder):
                    client.delete_folder(folder)
            client.create_folder(self.account.folder)

    def put(self, *mails: bytes, folder: str = "Mail", at: datetime | None = None) -> None:
        """Deliver mails to the folder, as if they had come `at` that instant."""
        with self.client() as client:
            for raw in mails:
                client.append(folder, raw, msg_time=at)

    def clear(self) -> None:
        """Take every mail out of the folder."""
        with self.client() as client:
            client.select_folder(self.account.folder)
            client.delete_messages(client.search(), silent=True)
            client.expunge()
            client.select_folder("INBOX", readonly=True)

    def mark_deleted(self) -> None:
        """Mark every mail in the folder as deleted, as a mail program does before it expunges."""
        with self.client() as client:
            client.select_folder(self.account.folder)
            client.delete_messages(client.search(), silent=True)
            client.select_folder("INBOX", readonly=True)

    def lying(self, folder: str = "Mail") -> list[bool]:
        """The mails of a folder in order: whether each is marked as read."""
        with self.client() as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), ["FLAGS"])
            client.select_folder("INBOX", readonly=True)  # so that the folder can be deleted
            return [b"\\Seen" in found[uid][b"FLAGS"] for uid in sorted(found)]


@asynccontextmanager
async def imap_server(certificate: Path | None = None) -> AsyncIterator[ImapServer]:
    """With a certificate it has STARTTLS, and lets nobody in without it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    server = ImapServer(port, certificate)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
