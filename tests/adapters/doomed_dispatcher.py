"""A dispatcher in a process of its own, to be killed: `python -m … URL SMTP-PORT`."""

import asyncio
import sys
from datetime import timedelta

from adapters.db.opening import open_database
from adapters.dispatch import OutboxDispatcher
from adapters.smtp import Relay, SmtpMailer

LEASE = timedelta(seconds=2)


async def ignore(stream: str) -> None:
    """There is no saga to poke."""


async def main(url: str, port: int) -> None:
    mailer = SmtpMailer(Relay("127.0.0.1", port))
    await OutboxDispatcher(
        open_database(url), mailer, ignore, claim_lease=LEASE, sending_lease=LEASE
    ).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
