"""`/metrics` for Prometheus: how mail stands, in numbers that name nobody.

For keys with the scope `admin`, and without a key for whoever asks on this very machine and not
through a proxy: a monitoring agent beside Parley needs no secret, and nobody elsewhere is told.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from api.openapi import Responses, problem_responses
from api.peers import is_local
from api.ports import Ports, PortsDep
from api.security import MaybeCaller
from domain.errors import WrongKey
from domain.outbox.figures import Figures

router = APIRouter(tags=["operations"])

TEXT = "text/plain; version=0.0.4; charset=utf-8"

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_SHOWN: Responses = {
    200: {
        "description": "The figures, some seconds old at most",
        "content": {"text/plain": {"example": 'parley_outbox_messages{state="queued"} 3\n'}},
    },
    **problem_responses(401, 403),
}


@router.get("/metrics", summary="Read the figures for monitoring", responses=_SHOWN)
async def read_metrics(request: Request, ports: PortsDep, caller: MaybeCaller) -> Response:
    """Messages by state, what is due and since when, attempts, mail in, suppressions."""
    if caller is not None:
        caller.needs_installation()
    elif not is_local(request) or any(name in request.headers for name in _FORWARDED):
        raise WrongKey("From elsewhere this needs an API key with the scope 'admin'.")
    text = await _text(ports)
    return Response(text, 200, {"Cache-Control": "no-store"}, TEXT)


async def _text(ports: Ports) -> bytes:
    figures = await ports.figures.look()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families(figures, ports.clock())))
    return generate_latest(registry)


class _Collected(Collector):
    """Figures that were collected already; asking the database needs an event loop."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def families(figures: Figures, now: datetime) -> Iterator[Metric]:
    """The metrics of `figures`, with ages in seconds at `now`."""
    yield from _of_outbox(figures, now)
    yield _of_attempts(figures)
    yield from _of_inbox(figures, now)
    suppressed = GaugeMetricFamily(
        "parley_suppressions", "Suppressions in force.", labels=["reason"]
    )
    for reason, count in figures.suppressed.items():
        suppressed.add_metric([reason.value], count)
    yield suppressed


def _of_outbox(figures: Figures, now: datetime) -> Iterator[Metric]:
    states = GaugeMetricFamily("parley_outbox_messages", "Messages by state.", labels=["state"])
    for state, count in figures.states.items():
        states.add_metric([state.value], count)
    yield states
    yield _gauge("parley_outbox_due", "Messages that are due now.", figures.due)
    yield _gauge(
        "parley_outbox_oldest_due_seconds",
        "How long the message that is due for longest has been due.",
        _age(figures.due_since, now),
    )
    yield _gauge(
        "parley_outbox_oldest_unsent_seconds",
        "How long ago the oldest message was asked for that shall leave and has not.",
        _age(figures.unsent_since, now),
    )
    yield _gauge(
        "parley_outbox_lanes_backing_off",
        "Domains and kinds that are written to less because they asked for it.",
        figures.lanes_backing_off,
    )


def _of_attempts(figures: Figures) -> Metric:
    attempts = GaugeMetricFamily(
        "parley_outbox_recent_attempts",
        "Attempts of the newest 10000 messages: how far they got, the class of the reply, the end.",
        labels=["phase", "reply", "state"],
    )
    for kind, count in figures.attempts:
        reply = f"{kind.code_class}xx" if kind.code_class else "none"
        attempts.add_metric([kind.phase.value, reply, kind.state.value], count)
    return attempts


def _of_inbox(figures: Figures, now: datetime) -> Iterator[Metric]:
    yield _gauge("parley_inbox_unread", "Mails accepted and not read yet.", figures.unread)
    yield _gauge(
        "parley_inbox_oldest_unread_seconds",
        "How long the oldest of them has waited.",
        _age(figures.unread_since, now),
    )
    passed_over = GaugeMetricFamily(
        "parley_mailbox_passed_over",
        "Mails of the watched mailbox that are tried again later.",
        labels=["reason"],
    )
    for reason, count in figures.mailbox.items():
        passed_over.add_metric([reason], count)
    yield passed_over
    yield _gauge("parley_quarantine_mails", "Mails that need an operator.", figures.quarantined)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
