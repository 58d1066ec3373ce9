"""Sending a simulated person's mail by real SMTP."""

import aiosmtplib

from domain.errors import Unavailable


class NotAccepted(Unavailable):
    """The server did not take the mail; `reply_code` is None when it could not be talked to."""

    code = "mail-not-accepted"

    def __init__(self, reply_code: int | None, words: str) -> None:
        super().__init__(f"The mail was not accepted: {reply_code or 'no answer'} {words}".strip())
        self.reply_code = reply_code


async def submit(
    raw: bytes, mail_from: str, rcpt: str, host: str, port: int, timeout: float = 15.0
) -> str:
    """Hand `raw` to the server and return its reply to the final dot. `timeout` in seconds.

    Raises `NotAccepted`. After a lost connection nobody knows whether the mail was taken: send
    the same bytes again, receivers tell copies apart by Message-ID.
    """
    client = aiosmtplib.SMTP(hostname=host, port=port, timeout=timeout, start_tls=False)
    try:
        async with client:
            _, reply = await client.sendmail(mail_from, [rcpt], raw)
    except aiosmtplib.SMTPRecipientsRefused as refused:
        [first, *_] = refused.recipients
        raise NotAccepted(first.code, first.message) from refused
    except aiosmtplib.SMTPResponseException as refused:
        raise NotAccepted(refused.code, refused.message) from refused
    except (aiosmtplib.SMTPException, OSError) as failure:
        raise NotAccepted(None, str(failure)) from failure
    return reply
