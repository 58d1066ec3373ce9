"""The relay that takes our mail: where it is, how the line to it is protected, who we are."""

import asyncio
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, cast

from aiosmtplib import SMTP, SMTPHeloError, SMTPServerDisconnected

from adapters.smtp_overheard import OverheardSMTP
from adapters.smtp_wire import Wire
from adapters.transcript import Transcript
from domain.errors import BadInput
from settings import Settings


@dataclass(frozen=True)
class Relay:
    """The server that takes our mail. Timeouts are in seconds; `dot_timeout` is how long its
    reply to the final dot may take (RFC 5321 §4.5.3.2.6 asks for ten minutes: an impatient
    sender makes messages uncertain).

    Raises `BadInput` when the password would cross a network in the clear.
    """

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    local_name: str = "localhost"
    timeout: float = 60.0
    dot_timeout: float = 600.0
    tls_context: ssl.SSLContext | None = None
    mails_per_connection: int = 100

    def __post_init__(self) -> None:
        if self.username and self.security == "none" and not is_loopback(self.host):
            raise BadInput(
                f"The password for {self.host} would be sent in the clear: set"
                " PARLEY_SMTP_SECURITY to starttls or tls, or leave PARLEY_SMTP_USERNAME empty.",
                field="PARLEY_SMTP_SECURITY",
            )


def relay_of(settings: Settings) -> Relay:
    """The relay that the settings name. Raises `BadInput`, naming the setting, for those that
    cannot be meant."""
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password,
        local_name=settings.mail_domain,
        timeout=settings.smtp_timeout,
        tls_context=tls_context(settings.smtp_ca_file),
        mails_per_connection=settings.smtp_mails_per_connection,
    )


def tls_context(
    ca_file: Path | None, setting: str = "PARLEY_SMTP_CA_FILE"
) -> ssl.SSLContext | None:
    """Trusts the authority in `ca_file` and no other; None without one: the system's list.
    Raises `BadInput` that names the `setting` when there is none in it."""
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as fault:  # ssl.SSLError is one
        raise BadInput(
            f"{setting} is {ca_file}, where there is no certificate in PEM form:"
            f" {fault.strerror or fault}",
            field=setting,
        ) from fault


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host` cannot leave this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass
class Line:
    """An open connection to a relay that knows who we are. `offers` are its extensions in lower
    case; `server` is the relay and how the line is protected."""

    wire: Wire
    offers: dict[str, str]
    server: str
    mails: int = 0


async def open_line(relay: Relay, transcript: Transcript | None = None) -> Line:
    """Connect, greet, and log in. Raises what `aiosmtplib` does, and `OSError`."""
    client = client_of(relay, transcript)
    await client.connect()
    try:
        await _say_hello(client)
        transport = client.transport
        if transport is None:
            raise SMTPServerDisconnected("the server closed the connection")
    except BaseException:
        client.close()
        raise
    tls = transport.get_extra_info("ssl_object")
    server = f"{relay.host}:{relay.port}" + (f" {tls.version()}" if tls else "")
    if transcript is not None and tls:
        transcript.note(f"protected by {tls.version()}")
    carrier = cast(asyncio.Transport, transport)  # uvloop's is one by shape only
    wire = Wire.take_over(carrier, transcript)
    return Line(wire, client.esmtp_extensions, server)


def client_of(relay: Relay, transcript: Transcript | None = None) -> SMTP:
    """A client that connects to `relay` as it is set up, and has not done so yet."""
    options: dict[str, Any] = {
        "hostname": relay.host,
        "port": relay.port,
        "username": relay.username or None,
        "password": relay.password or None,
        "local_hostname": relay.local_name,
        "timeout": relay.timeout,
        "use_tls": relay.security == "tls",
        "start_tls": relay.security == "starttls",
        "tls_context": relay.tls_context,
    }
    return SMTP(**options) if transcript is None else OverheardSMTP(transcript, **options)


async def _say_hello(client: SMTP) -> None:
    if not client.is_ehlo_or_helo_needed:
        return
    try:
        await client.ehlo()
    except SMTPHeloError:
        if not client.is_connected:  # a 421 ends the conversation
            raise
        await client.helo()


def words_of(fault: BaseException, relay: Relay) -> str:
    """What went wrong, and what to do where that is known."""
    causes = [fault, fault.__cause__, fault.__context__]
    untrusted = next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None)
    if untrusted is None:
        return f"{type(fault).__name__}: {fault}"
    return (
        f"the certificate of {relay.host}:{relay.port} is not trusted"
        f" ({untrusted.verify_message}): let PARLEY_SMTP_HOST be the name it was made out to, and"
        " PARLEY_SMTP_CA_FILE the authority that signed it"
    )
