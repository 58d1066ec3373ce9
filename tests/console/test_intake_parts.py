"""Every way in that the settings name is there, over one reception."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.db.schema import inbox
from console import parts
from console.crew import Crew
from console.ground import ground
from domain.access import Purpose
from settings import Settings
from tests.adapters.intake.imap_server import PASSWORD, USER, imap_server
from tests.adapters.intake.letters import DOMAIN, MAIL, SECRET, address, given_a_meeting
from tests.adapters.intake.talk import Talk
from tests.patience import until

FEEDBACK = "fbl@parley.example"
REPORT = f"\r\nOriginal-Mail-From: <{address(Purpose.BOUNCE)}>\r\n".encode()


@pytest.mark.parametrize("to", [address(), FEEDBACK])
async def test_lmtp_and_a_mailbox_take_mail_beside_smtp(tmp_path: Path, to: str) -> None:
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
            feedback_address=FEEDBACK,
        )
        async with ground(settings, Crew()) as g:
            await given_a_meeting(g.database)
            stamped = f"Delivered-To: {to}\r\n".encode() + MAIL + b"by imap" + REPORT
            await asyncio.to_thread(server.put, stamped)
            await parts.add_intake(g)
            talk = await Talk.to_path(socket)
            await talk.until_data(to, greeting="LHLO client")

            assert (await talk.say(MAIL + b"by lmtp" + REPORT + b".\r\n")).startswith(b"250")

            query = sa.select(inbox.c.source)

            async def all_are_there() -> bool:
                found = await g.database.read(lambda c: c.execute(query).scalars().all())
                return sorted(found) == ["imap", "lmtp"]

            await until(all_are_there)
            await talk.end()
