"""An SMTP or LMTP conversation by hand, byte for byte."""

import asyncio
from pathlib import Path
from typing import Any


class Talk:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = b""

    @classmethod
    async def to(cls, port: int) -> "Talk":
        talk = cls(*await asyncio.open_connection("127.0.0.1", port))
        talk.greeting = await talk.reader.readline()
        return talk

    async def say(self, words: bytes) -> bytes:
        """Send `words`, and give the (last) line of the reply."""
        self.writer.write(words)
        while (answer := await self.line())[3:4] == b"-":
            pass
        return answer

    async def until_data(self, *recipients: str, greeting: str = "HELO client") -> None:
        for command in (
            greeting,
            "MAIL FROM:<ana@example.org>",
            *(f"RCPT TO:<{recipient}>" for recipient in recipients),
            "DATA",
        ):
            answer: Any = await self.say(command.encode() + b"\r\n")
            assert answer[:1] in b"23", answer

    async def end(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def line(self) -> bytes:
        return await self.reader.readline()

    @classmethod
    async def to_path(cls, path: Path) -> "Talk":
        talk = cls(*await asyncio.open_unix_connection(path))
        talk.greeting = await talk.line()
        return talk
