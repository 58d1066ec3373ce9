"""The parts of Parley's processes, each wired to its adapters and added to a crew.

Each is added before whatever uses it, because a crew closes in the reverse order.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import uvicorn

import worker
from activities.inbox import interpret
from adapters.calendar_mail.sandbox.client import Sandbox
from adapters.calendar_mail.writing.writer import MailLetterWriter
from adapters.catcher.handing_on import OwnDomain
from adapters.catcher.server import Catcher
from adapters.db.meetings import SqlMeetingStore
from adapters.db.owners import OwnerJournal
from adapters.db.webhook_store import SqlWebhooks
from adapters.dispatch import OutboxDispatcher
from adapters.dispatchers import Dispatchers, Watch, take_over
from adapters.dkim import signer_of
from adapters.general_mail.digest_writer import DigestWriter
from adapters.intake.accepting import Reception
from adapters.intake.imap import ImapWatch
from adapters.intake.imap_account import account_of
from adapters.intake.imap_done import DoneRetention
from adapters.intake.rates import PeerRate
from adapters.intake.reading import InboxReader
from adapters.intake.smtp import Intake
from adapters.retention import Retention
from adapters.smtp import SmtpMailer
from adapters.smtp_relay import relay_of
from adapters.temporal.outbox import OutboxKeeper
from adapters.webhooks.dispatcher import WebhookDispatcher
from adapters.webhooks.sender import WebhookSender
from api.app import Parts, create_app
from api.webhook_bodies import representing
from console import readiness
from console.crew import Stop
from console.ground import Ground, now
from console.polling import Polling
from console.shaping import shaping_of
from domain.inbox.acceptance import Way
from domain.outbox.messages import Staffing

_PATIENCE = 12.0
"""Seconds that what is in hand may take to be finished: a mail in or out, a reading."""


async def add_intake(g: Ground) -> None:
    """Takes mail in; it needs nobody else to keep its promise."""
    s = g.settings
    rate = PeerRate(s.intake_mails_per_minute)
    reception = Reception(g.database, s.mail_domain, rate=rate, feedback_address=s.feedback_address)
    await _listen(g, Intake(reception, s.mail_domain, host=s.intake_host, port=s.intake_port))
    if s.lmtp_port or s.lmtp_host.startswith("/"):
        lmtp = Intake(reception, s.mail_domain, way=Way.LMTP, host=s.lmtp_host, port=s.lmtp_port)
        await _listen(g, lmtp)
    _add_mailbox(g, reception)


def _add_mailbox(g: Ground, reception: Reception) -> None:
    """Watches a mailbox elsewhere, where the settings name one."""
    s = g.settings
    account = account_of(s)
    if account is None:
        return
    watch = ImapWatch(
        g.database, reception, account, s.mail_domain, feedback_address=s.feedback_address
    )
    g.crew.add("imap", watch.run(), stop=watch.stop, within=15)
    if account.moves:
        keep_for = timedelta(days=s.keep_raw_mail_for)
        done = DoneRetention(
            g.database, account, s.mail_domain, keep_for, feedback_address=s.feedback_address
        )
        g.crew.add("imap done", done.run())


async def _listen(g: Ground, intake: Intake) -> None:
    await intake.start()
    g.crew.keep("intake", lambda: intake.stop(_PATIENCE), within=15, at_once=True)


async def add_catcher(g: Ground) -> Catcher | None:
    """The stand-in for the world's mail servers, where the settings want one."""
    if not g.settings.catcher_port:
        return None
    s = g.settings
    own = OwnDomain(s.mail_domain, s.intake_host, s.intake_port)
    catcher = Catcher(s.data_dir / "catcher.db", port=s.catcher_port, own_domain=own)
    await catcher.start()
    g.crew.keep("catcher", catcher.stop)
    return catcher


def add_activities(g: Ground) -> None:
    s = g.settings
    store = SqlMeetingStore(g.database, g.secret, s.mail_domain, s.base_url)
    writer = MailLetterWriter(s.mail_domain)
    polling = Polling(s, lambda client: worker.activity_worker(client, store, writer))
    g.crew.add("activities", polling.run(), stop=polling.stop, within=15)


Build = Callable[[Watch], OutboxDispatcher]


def add_outbox(g: Ground, build: Build | None = None) -> None:
    """Dispatchers, as many as there are shares for us, and what keeps the shares going. `build`
    makes one; where it is not given, as the settings say."""
    s = g.settings
    # What a service that was killed had in hand; another host's dispatchers may be alive.
    taking_over = (lambda: take_over(g.database, g.poke, now())) if s.is_embedded else None
    dispatchers = Dispatchers(build or _dispatchers(g), taking_over)
    polling = Polling(s, lambda client: worker.outbox_worker(client, dispatchers))
    g.crew.add("outbox", polling.run(), stop=polling.stop, within=15)
    wanted = Staffing(dispatchers=s.dispatchers, said_at=now())
    keeper = OutboxKeeper(g.client, wanted, dispatchers, is_only=s.is_embedded)
    g.crew.add("outbox keeper", keeper.run(), stop=_soon(keeper.stop), within=15)


def _dispatchers(g: Ground) -> Build:
    """Raises `BadInput` for settings that cannot be meant, before anything is sent."""
    relay, senders = relay_of(g.settings), g.settings.smtp_connections
    shaping, signer = shaping_of(g.settings), signer_of(g.settings)
    compose = DigestWriter(g.settings.mail_domain).compose

    def build(watch: Watch) -> OutboxDispatcher:
        return OutboxDispatcher(
            g.database,
            watch.mailer(SmtpMailer(relay)),
            g.poke,
            senders=senders,
            may_send=watch.permission(g.fence.may_send),
            shaping=shaping,
            signer=signer,
            compose=compose,
        )

    return build


def add_webhooks(g: Ground) -> None:
    sender = WebhookSender(g.settings.webhook_allow)
    g.crew.keep("webhook connections", sender.close)
    represent = representing(SqlWebhooks(g.database), OwnerJournal(g.database), g.settings.base_url)
    dispatcher = WebhookDispatcher(g.database, sender, represent)
    g.crew.add("webhooks", dispatcher.run(), stop=dispatcher.stop, within=15)


def add_retention(g: Ground) -> None:
    raw_for = timedelta(days=g.settings.keep_raw_mail_for)
    g.crew.add("retention", Retention(g.database, raw_for=raw_for).run())


async def add_reader(g: Ground) -> None:
    """Reads what the intake keeps, in processes that may die of it."""
    sandbox = Sandbox()
    await sandbox.__aenter__()
    g.crew.keep("sandbox", lambda: sandbox.__aexit__(None, None, None))
    reader = InboxReader(g.database, sandbox, interpret, g.poke, mail_domain=g.settings.mail_domain)
    g.crew.add("reader", reader.run(), stop=_soon(reader.stop), within=15)


def _soon(stop: Callable[[float], None]) -> Stop:
    async def ask() -> None:
        stop(_PATIENCE)

    return ask


async def add_api(g: Ground, catcher: Catcher | None = None) -> None:
    """The HTTP API and the pages; listening when this returns."""
    parts = Parts(
        g.settings, g.database, g.secret, g.relay.poke, checks=readiness.checks(g), catcher=catcher
    )
    config = uvicorn.Config(
        create_app(parts),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,  # seconds; event streams would wait for ever
    )
    server = _Server(config)
    listening = socket.create_server((g.settings.api_host, g.settings.api_port), backlog=512)
    g.crew.add("api", server.serve([listening]), stop=_leave(server), within=10)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not for the server to handle: the crew decides when to stop."""
        yield


def _leave(server: uvicorn.Server) -> Stop:
    async def leave() -> None:
        server.should_exit = True

    return leave
