"""The parts of Parley's processes, each wired to its adapters and added to a crew.

Each is added before whatever uses it, because a crew closes in the reverse order.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
import uvicorn
from temporalio.api.enums.v1 import TaskQueueType

import worker
from activities.inbox import interpret
from adapters.calendar_mail.sandbox.client import Sandbox
from adapters.calendar_mail.writing.writer import MailLetterWriter
from adapters.catcher.server import Catcher
from adapters.db.meetings import SqlMeetingStore
from adapters.db.owners import OwnerJournal
from adapters.db.webhook_store import SqlWebhooks
from adapters.dispatch import OutboxDispatcher
from adapters.doctor.finding import Grade
from adapters.doctor.mail import relay_of
from adapters.doctor.temporal import check_pollers
from adapters.intake.reading import InboxReader
from adapters.intake.smtp import Intake
from adapters.retention import Retention
from adapters.smtp import SmtpMailer
from adapters.webhooks.dispatcher import WebhookDispatcher
from adapters.webhooks.sender import WebhookSender
from api.app import Parts, create_app
from api.ports import Check
from api.webhook_bodies import representing
from console.crew import Stop
from console.ground import Ground
from console.polling import Polling
from domain.sagas import ACTIVITY_QUEUE, SAGA_QUEUE

_PATIENCE = 12.0
"""Seconds that what is in hand may take to be finished: a mail in or out, a reading."""


async def add_intake(g: Ground) -> None:
    """Takes mail in; it needs nobody else to keep its promise."""
    s = g.settings
    intake = Intake(g.database, s.mail_domain, host=s.intake_host, port=s.intake_port)
    await intake.start()
    g.crew.keep("intake", lambda: intake.stop(_PATIENCE), within=15, at_once=True)


async def add_catcher(g: Ground) -> Catcher | None:
    """The stand-in for the world's mail servers, where the settings want one."""
    if not g.settings.catcher_port:
        return None
    catcher = Catcher(g.settings.data_dir / "catcher.db", port=g.settings.catcher_port)
    await catcher.start()
    g.crew.keep("catcher", catcher.stop)
    return catcher


def add_activities(g: Ground) -> None:
    s = g.settings
    store = SqlMeetingStore(g.database, g.secret, s.mail_domain, s.base_url)
    writer = MailLetterWriter(s.mail_domain)
    polling = Polling(s, lambda client: worker.activity_worker(client, store, writer))
    g.crew.add("activities", polling.run(), stop=polling.stop, within=15)


def add_outbox(g: Ground) -> None:
    mailer = SmtpMailer(relay_of(g.settings))
    outbox = OutboxDispatcher(g.database, mailer, g.poke, senders=g.settings.smtp_connections)
    g.crew.add("outbox", outbox.run(), stop=_soon(outbox.stop), within=15)


def add_webhooks(g: Ground) -> None:
    sender = WebhookSender(g.settings.webhook_allow)
    g.crew.keep("webhook connections", sender.close)
    represent = representing(SqlWebhooks(g.database), OwnerJournal(g.database), g.settings.base_url)
    dispatcher = WebhookDispatcher(g.database, sender, represent)
    g.crew.add("webhooks", dispatcher.run(), stop=dispatcher.stop, within=15)


def add_retention(g: Ground) -> None:
    g.crew.add("retention", Retention(g.database).run())


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
    checks = _checks(g)
    parts = Parts(g.settings, g.database, g.secret, g.relay.poke, checks=checks, catcher=catcher)
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


def _checks(g: Ground) -> dict[str, Check]:
    """What `/readyz` asks. The relay is no part of it: mail waits in the outbox."""

    async def database() -> str | None:
        statement = sa.text("UPDATE installation SET transaction_offset = transaction_offset")
        await g.database.write(lambda c: c.execute(statement).rowcount)
        return None

    async def temporal() -> str | None:
        is_well = await g.client.service_client.check_health(timeout=timedelta(seconds=2))
        return None if is_well else "not serving"

    async def sagas() -> str | None:
        return await _polled(g, SAGA_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)

    async def activities() -> str | None:
        return await _polled(g, ACTIVITY_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)

    return {"database": database, "temporal": temporal, "sagas": sagas, "activities": activities}


async def _polled(g: Ground, queue: str, kind: TaskQueueType.ValueType) -> str | None:
    finding = await check_pollers(g.client, queue, kind)
    return None if finding.grade is Grade.FINE else finding.said
