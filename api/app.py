"""The application: adapters in, routers out. The only module of `api` that knows adapters."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.middleware import Middleware

from adapters.db.database import Database
from adapters.db.fence import Fence, place_of
from adapters.db.figure_store import SqlFigures
from adapters.db.keys import SqlKeys
from adapters.db.messages import SqlMessages
from adapters.db.owners import OwnerCommands, OwnerJournal, OwnerMeetings
from adapters.db.page_queries import SqlPartyPages
from adapters.db.people import SqlPeople
from adapters.db.probes import SqlProbes
from adapters.db.provider_events import SqlProviderEvents
from adapters.db.sessions import SqlSessions
from adapters.db.strays import SqlStrays
from adapters.db.suppression_store import SqlSuppressions
from adapters.db.unsubscribing import SqlUnsubscribing
from adapters.db.webhook_store import SqlWebhooks
from adapters.intake.accepting import Reception
from adapters.mailbox import Catcher, CaughtMailbox, SimulatedAttendees
from api import (
    doctor,
    errors,
    events,
    health,
    home,
    installation,
    intake,
    keys,
    meeting_commands,
    meetings,
    message_commands,
    messages,
    metrics,
    monitor,
    openapi,
    people,
    quarantine,
    suppressions,
    webhooks,
)
from api.bodies import BodyGuard
from api.headers import HeadAsGet, SecurityHeaders
from api.limits import limits_for
from api.pages.ports import PageParts
from api.pages.routes import routers
from api.ports import Check, Ports
from settings import Settings

_ROUTERS = (
    home,
    meetings,
    meeting_commands,
    events,
    monitor,
    people,
    messages,
    message_commands,
    suppressions,
    webhooks,
    keys,
    doctor,
    installation,
    quarantine,
    intake,
    health,
    metrics,
)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What a process gives to its API.

    `poke` wakes the saga of a stream: it is called after the commit, from the event loop, and
    must neither block nor raise. `clock` gives aware UTC. `checks` are what `/readyz` asks.
    `catcher` is the embedded mail catcher, where there is one. `ticks` gives seconds that never go
    back, for the limits.
    """

    settings: Settings
    database: Database
    secret: bytes
    poke: Callable[[str], None]
    clock: Callable[[], datetime] = utc_now
    checks: Mapping[str, Check] = field(default_factory=dict)
    catcher: Catcher | None = None
    ticks: Callable[[], float] = time.monotonic


def create_app(parts: Parts) -> FastAPI:
    """The whole HTTP side: API, health, and pages."""
    ports = ports_from(parts)
    app = build(ports)
    for router in routers(_page_parts(parts, ports)):
        app.include_router(router)
    return app


def ports_from(parts: Parts) -> Ports:
    """Adapters over the database of `parts`, as the routers want them."""
    database, s = parts.database, parts.settings
    api_keys = SqlKeys(database)
    return Ports(
        settings=parts.settings,
        secret=parts.secret,
        keys=api_keys,
        keyring=api_keys,
        commands=OwnerCommands(database),
        meetings=OwnerMeetings(database, parts.secret),
        journal=OwnerJournal(database),
        people=SqlPeople(database),
        webhooks=SqlWebhooks(database),
        messages=SqlMessages(database, parts.secret, s.mail_domain, s.base_url),
        suppressions=SqlSuppressions(database),
        figures=SqlFigures(database, parts.clock, parts.ticks),
        fence=Fence(database, place_of(parts.settings), hold_all=parts.settings.hold_all),
        probes=SqlProbes(database, parts.secret, parts.settings.mail_domain),
        strays=SqlStrays(database, parts.settings.mail_domain),
        reception=Reception(
            database, s.mail_domain, feedback_address=s.feedback_address, now=parts.clock
        ),
        provider_events=SqlProviderEvents(database),
        poke=parts.poke,
        clock=parts.clock,
        limits=limits_for(s.requests_per_second, parts.ticks, s.intake_mails_per_minute),
        checks=parts.checks,
        is_alive=lambda: database.is_alive,
    )


def _page_parts(parts: Parts, ports: Ports) -> PageParts:
    """The pages' own ports; the mailbox only where mail is caught."""
    s, catcher = parts.settings, parts.catcher
    mailbox = attendees = None
    if catcher is not None:
        mailbox = CaughtMailbox(catcher)
        attendees = SimulatedAttendees(catcher, s.intake_host, s.intake_port, parts.clock)
    return PageParts(
        ports=ports,
        parties=SqlPartyPages(parts.database, parts.secret, s.mail_domain, s.base_url),
        sessions=SqlSessions(parts.database),
        wishes=SqlUnsubscribing(parts.database),
        mailbox=mailbox,
        attendees=attendees,
    )


def build(ports: Ports) -> FastAPI:
    """The application over any ports, fakes included."""
    app = FastAPI(
        docs_url=None,  # its scripts come from elsewhere; the document itself is /openapi.json
        redoc_url=None,
        redirect_slashes=False,  # the redirect would repeat whatever Host was sent
        generate_unique_id_function=lambda route: route.name,
        middleware=_middleware(ports.settings),
        **openapi.ABOUT,
    )
    app.state.ports = ports
    errors.install(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    openapi.install(app)
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    return [
        Middleware(SecurityHeaders, is_https=settings.base_url.startswith("https://")),
        Middleware(HeadAsGet),
        Middleware(BodyGuard, mails=intake.MAIL_PATHS),
    ]
