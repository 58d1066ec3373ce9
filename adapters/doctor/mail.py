"""Whether mail leaves through the relay, and whether our own door is open."""

from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from adapters.doctor.finding import Finding, fault, fine, skipped
from adapters.doctor.names import Lookup, NoAnswer, is_local, resolve
from adapters.smtp import SmtpMailer
from adapters.smtp_relay import open_line, relay_of, words_of
from adapters.transcript import Transcript
from domain.access import TOKEN_LENGTH, Purpose, token_address
from domain.errors import BadInput
from domain.outbox.model import Phase, Report
from settings import Settings

_TIMEOUT = 10.0  # seconds
_FAULTS = (SMTPException, OSError, TimeoutError)


async def check_relay(settings: Settings) -> list[Finding]:
    """Greets the relay exactly as the dispatcher does, logs in when there is a name, and leaves."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        relay = replace(relay_of(settings), timeout=_TIMEOUT)
    except BadInput as refusal:
        return [fault("SMTP relay", str(refusal), "Correct that setting.")]
    try:
        line = await open_line(relay)
        line.wire.write(b"QUIT\r\n")
        line.wire.hang_up()
    except _FAULTS as failure:
        advice = "Check PARLEY_SMTP_HOST, _PORT, _SECURITY, _USERNAME and _PASSWORD."
        return [fault("SMTP relay", f"{where}: {words_of(failure, relay)}", advice)]
    return [fine("SMTP relay", f"{line.server} takes mail ({settings.smtp_security}).")]


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


async def send_test(settings: Settings, recipient: str, at: datetime) -> Finding:
    """Hand one mail for `recipient` to the relay as the dispatcher does, and say what was said."""
    sender = f"doctor@{settings.mail_domain}"
    heard = Transcript()
    mailer = SmtpMailer(relay_of(settings), transcript=heard)
    try:
        report = await mailer.send(
            "", recipient, _test_mail(settings, sender, recipient, at), _go_ahead
        )
    finally:
        await mailer.close()
    finding = _outcome(report)
    return finding.model_copy(update={"dialogue": tuple(heard.lines)})


def _outcome(report: Report) -> Finding:
    if report.phase is Phase.DONE and report.code == 250:
        return fine("test mail out", f"The relay took it: {report.reply}")
    said = f"It got as far as {report.phase.value}: {report.code or ''} {report.reply}"
    advice = "Ask the operator of the relay why, with the words of the dialogue."
    return fault("test mail out", said, advice)


async def check_way_back(settings: Settings, lookup: Lookup = resolve) -> Finding:
    """Whether an answer would find the way in: asks the host that the MX record names (with an
    embedded domain, our own intake) about an address that only Parley can refuse so."""
    host, port = settings.intake_host, settings.intake_port
    if not is_local(settings.mail_domain):
        try:
            records = await lookup(settings.mail_domain, "MX")
        except NoAnswer as silence:
            return skipped("way back in", f"No resolver answered: {silence}")
        if not records:
            return fault("way back in", "There is no MX record.", "See the MX check.")
        host, port = min(records, key=_preference).split()[-1].rstrip("."), 25
    return await _ask_door(host, port, settings.mail_domain)


def _preference(record: str) -> int:
    first = record.split()[0]
    return int(first) if first.isdigit() else 0


async def _ask_door(host: str, port: int, domain: str) -> Finding:
    unknown = token_address(Purpose.REPLY, "a" * TOKEN_LENGTH, domain)
    client = SMTP(hostname=host, port=port, use_tls=False, start_tls=False, timeout=_TIMEOUT)
    try:
        async with client:
            await client.mail("")
            await client.rcpt(unknown)
    except SMTPResponseException as refusal:
        if refusal.code == 550 and refusal.message.startswith("5.1.1"):
            return fine("way back in", f"{host}:{port} is Parley's door: it knows its addresses.")
        said = f"{host}:{port} said {refusal.code} {refusal.message}"
        return fault("way back in", said, "Let the MX record lead to `parley intake`.")
    except _FAULTS as failure:
        advice = "Open port 25 of that host, or forward it to PARLEY_INTAKE_PORT."
        return fault("way back in", f"{host}:{port}: {failure}", advice)
    said = f"{host}:{port} takes mail for addresses that Parley never gave out."
    return fault("way back in", said, "Let the MX record lead to `parley intake`.")


async def _go_ahead() -> bool:
    return True
