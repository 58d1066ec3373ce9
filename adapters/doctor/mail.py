"""Whether mail leaves through the relay, and whether our own door is open."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from aiosmtplib import SMTP, SMTPException

from adapters.doctor.finding import Finding, fault, fine
from adapters.smtp import Relay, SmtpMailer
from domain.outbox.model import Phase
from settings import Settings

_TIMEOUT = 10.0  # seconds
_FAULTS = (SMTPException, OSError, TimeoutError)


async def check_relay(settings: Settings) -> list[Finding]:
    """Greets the relay as the dispatcher does, logs in when there is a name, and leaves."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        async with SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            timeout=_TIMEOUT,
        ) as client:
            await client.noop()
    except _FAULTS as failure:
        advice = "Check PARLEY_SMTP_HOST, _PORT, _SECURITY, _USERNAME and _PASSWORD."
        return [fault("SMTP relay", f"{where}: {failure}", advice)]
    return [fine("SMTP relay", f"{where} takes mail ({settings.smtp_security}).")]


async def check_intake(settings: Settings) -> list[Finding]:
    """Whether something that speaks SMTP listens where our MX record should lead."""
    where = f"{settings.intake_host}:{settings.intake_port}"
    try:
        async with SMTP(
            hostname=settings.intake_host,
            port=settings.intake_port,
            use_tls=False,
            start_tls=False,
            timeout=_TIMEOUT,
        ) as client:
            await client.noop()
    except _FAULTS as failure:
        advice = "Start `parley intake` (with the embedded database, `parley up`)."
        return [fault("intake", f"{where}: {failure}", advice)]
    return [fine("intake", f"{where} listens.")]


def _test_mail(settings: Settings, sender: str, recipient: str, at: datetime) -> bytes:
    mail = EmailMessage()
    mail["From"] = f"{settings.organizer_name} <{sender}>"
    mail["To"] = recipient
    mail["Subject"] = "Parley test mail"
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = make_msgid(domain=settings.mail_domain)
    mail["Auto-Submitted"] = "auto-generated"  # no vacation notice may answer (RFC 3834)
    mail.set_content("This mail was sent by `parley doctor`. Nobody has to answer it.\n")
    return mail.as_bytes()


async def send_test(
    settings: Settings, sender: str, recipient: str, at: datetime
) -> tuple[Finding, str]:
    """Hand one mail to the relay. Returns what the relay said, and the mail's Message-ID."""
    raw = _test_mail(settings, sender, recipient, at)
    message_id = raw.split(b"Message-ID: ", 1)[1].split(b"\n", 1)[0].decode().strip()
    mailer = SmtpMailer(relay_of(settings))
    try:
        report = await mailer.send(sender, recipient, raw, _go_ahead)
    finally:
        await mailer.close()
    if report.phase is Phase.DONE and report.code == 250:
        return fine("test mail", f"The relay took it: {report.reply}"), message_id
    said = f"It got as far as {report.phase.value}: {report.code or ''} {report.reply}"
    advice = "Ask the operator of the relay why, with the words above."
    return fault("test mail", said, advice), message_id


async def _go_ahead() -> bool:
    return True


def relay_of(settings: Settings) -> Relay:
    """The relay that the settings name."""
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password,
        local_name=settings.mail_domain,
        timeout=settings.smtp_timeout,
    )
