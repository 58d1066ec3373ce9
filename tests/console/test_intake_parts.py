"""Every way in that the settings name is there, over one reception."""

import asyncio
from pathlib import Path

import sqlalchemy as sa

from adapters.db.schema import inbox
from console import parts
from console.crew import Crew
from console.ground import ground
from settings import Settings
from tests.adapters.intake.imap_server import PASSWORD, USER, imap_server
from tests.adapters.intake.letters import DOMAIN, MAIL, SECRET, address, given_a_meeting
from tests.adapters.intake.talk import Talk
from tests.patience import until


async def test_lmtp_and_a_mailbox_take_mail_beside_smtp(tmp_path: Path) -> None:
    socket = tmp_path / "lmtp"
    async with imap_server() as server:
        settings = Settings(
            data_dir=tmp_path,
            mail_domain=DOMAIN,
            secret=SECRET.decode() * 2,
            intake_port=0,
            lmtp_host=str(socket),
            imap_host="127.0.0.1",
            imap_port=server.account.port,
            imap_security="none",
            imap_username=USER,
            imap_password=PASSWORD,
            imap_folder=server.account.folder,
        )
        async with ground(settings, Crew()) as g:
            await given_a_meeting(g.database)
            stamped = f"Delivered-To: {address()}\r\n".encode() + MAIL + b"by imap\r\n"
            await asyncio.to_thread(server.put, stamped)
            await parts.add_intake(g)
            talk = await Talk.to_path(socket)
            await talk.until_data(address(), greeting="LHLO client")

            assert (await talk.say(MAIL + b"by lmtp\r\n.\r\n")).startswith(b"250")

            query = sa.select(inbox.c.source)

            async def all_are_there() -> bool:
                found = await g.database.read(lambda c: c.execute(query).scalars().all())
                return sorted(found) == ["imap", "lmtp"]

            await until(all_are_there)
            await talk.end()
