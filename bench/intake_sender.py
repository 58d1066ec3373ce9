"""A mail server that has mail for us and sends it until it is taken, as every mail server does."""

import asyncio
import random
from dataclasses import dataclass, field

_PAUSE = 0.2  # seconds between attempts
_WITHIN = 40.0
"""Seconds that a reply may take: longer than the intake's own limit, which must come first."""


@dataclass
class Letter:
    """A mail and whom it is still for; `tries` counts the attempts, `refusals` holds what was
    said for good."""

    raw: bytes
    recipients: list[str]
    accepted: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tries: int = 0

    @property
    def is_done(self) -> bool:
        return len(self.accepted) + len(self.refusals) >= len(self.recipients)

    @property
    def waiting(self) -> list[str]:
        return [one for one in self.recipients if one not in self.accepted]


class Broken(Exception):
    """The conversation ended without the reply that was due."""


class Conversation:
    """SMTP or LMTP, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, words: bytes) -> str:
        """Send a line, and give the last line of the reply. Raises `Broken`."""
        self._writer.write(words + b"\r\n")
        await self._writer.drain()
        return await self.hear()

    async def hear(self) -> str:
        while (line := await self._line())[3:4] == "-":
            pass
        return line

    async def _line(self) -> str:
        async with asyncio.timeout(_WITHIN):
            line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise Broken
        return line.decode("utf-8", "replace").rstrip()

    async def close(self) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


class Sender:
    """Sends letters to a port of this machine, each until every recipient has been answered for
    good."""

    def __init__(self, port: int, chance: random.Random, *, lmtp: bool = False) -> None:
        self._port = port
        self._chance = chance
        self._lmtp = lmtp
        self.attempts = 0
        self.codes: dict[str, int] = {}

    async def send(self, letter: Letter) -> None:
        while not letter.is_done:
            letter.tries += 1
            self.attempts += 1
            try:
                await self._attempt(letter)
            except (OSError, Broken, TimeoutError):
                self._count("broken")
            if not letter.is_done:
                await asyncio.sleep(_PAUSE * self._chance.uniform(0.5, 2.0))

    async def _attempt(self, letter: Letter) -> None:
        talk = Conversation(*await asyncio.open_connection("127.0.0.1", self._port))
        try:
            await self._transact(talk, letter)
        finally:
            await talk.close()

    async def _transact(self, talk: Conversation, letter: Letter) -> None:
        hello = b"LHLO sender.example" if self._lmtp else b"EHLO sender.example"
        greeting = await talk.hear()
        if not greeting.startswith("220"):
            self._count(greeting)
            return
        for line in (hello, b"MAIL FROM:<ana@example.org>"):
            if not self._heard(await talk.say(line), letter, letter.waiting):
                return
        taken = [one for one in letter.waiting if await self._names(talk, one, letter)]
        if not taken or not (await talk.say(b"DATA")).startswith("354"):
            return
        first = await talk.say(letter.raw + b".")
        replies = [first, *[await talk.hear() for _ in taken[1:]]] if self._lmtp else [first]
        for recipients, reply in zip(
            [[one] for one in taken] if self._lmtp else [taken], replies, strict=True
        ):
            if self._heard(reply, letter, recipients):
                letter.accepted += recipients

    async def _names(self, talk: Conversation, recipient: str, letter: Letter) -> bool:
        return self._heard(await talk.say(f"RCPT TO:<{recipient}>".encode()), letter, [recipient])

    def _heard(self, reply: str, letter: Letter, recipients: list[str]) -> bool:
        """Whether the reply is a yes; one that is a no for good is remembered."""
        self._count(reply)
        if reply.startswith("5"):
            letter.refusals += [f"{one}: {reply}" for one in recipients]
        return reply.startswith("2")

    def _count(self, reply: str) -> None:
        code = reply if reply == "broken" else reply[:3]
        self.codes[code] = self.codes.get(code, 0) + 1
