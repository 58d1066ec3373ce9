"""`parley doctor`: what is wrong with this installation, and what to do about it."""

import asyncio
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from adapters.dkim import signer_of
from adapters.doctor.clock import check_clock
from adapters.doctor.database import check_database
from adapters.doctor.finding import Finding, Grade, fault, fine, skipped
from adapters.doctor.mail import check_intake, check_relay, send_test
from adapters.doctor.mailbox import check_mailbox
from adapters.doctor.names import check_names
from adapters.doctor.temporal import check_temporal
from console.adopting import place_of_installation
from console.ground import now
from console.layout import Layout, embedded
from console.probes import round_trip
from console.running import find_running
from domain.errors import BadInput, ParleyError
from domain.values import as_address
from settings import Settings

_COLOURS = {
    Grade.FINE: "green",
    Grade.SKIPPED: "dim",
    Grade.WARNING: "yellow",
    Grade.FAULT: "bold red",
}


def run_doctor(
    settings: Settings, send_to: str | None, dkim_selector: str, *, as_json: bool
) -> int:
    """Print every finding; 1 when there is a fault. Raises `BadAddress` for a bad `send_to`."""
    recipient = as_address(send_to) if send_to else None
    findings = asyncio.run(examine(_in_use(settings), recipient, dkim_selector))
    if as_json:
        shown = [finding.model_dump(mode="json") for finding in findings]
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    else:
        screen = Console(highlight=False)
        screen.print(_table(findings))
        for finding in findings:
            _show_dialogue(screen, finding)
    return 1 if any(finding.grade is Grade.FAULT for finding in findings) else 0


def _in_use(settings: Settings) -> Settings:
    """The settings that an embedded installation in this data directory really runs with."""
    ports = Layout(settings.data_dir).ports
    if not settings.is_embedded or not ports.exists():
        return settings
    return embedded(settings, settings.data_dir.resolve(), json.loads(ports.read_text()))


async def examine(settings: Settings, recipient: str | None, selector: str) -> list[Finding]:
    """Every check, side by side; `recipient` gets a test mail."""
    groups = await asyncio.gather(
        check_database(settings),
        _readiness(settings),
        check_temporal(settings),
        check_relay(settings),
        check_intake(settings),
        check_mailbox(settings),
        _names(settings, selector),
        _place(settings),
    )
    findings = [finding for group in groups for finding in group]
    findings.extend(check_clock(now()))
    if recipient:
        findings.extend(await _round_trip(settings, recipient))
    return findings


async def _names(settings: Settings, selector: str) -> list[Finding]:
    try:
        signer = signer_of(settings)
    except BadInput as refusal:
        return [fault("DKIM", str(refusal), "Correct that setting.")]
    return await check_names(settings.mail_domain, selector, signer=signer)


async def _readiness(settings: Settings) -> list[Finding]:
    """What a running installation says about itself."""
    running = await asyncio.to_thread(find_running, settings)
    if running is None:
        return []
    try:
        await asyncio.to_thread(running.call, "GET", "/readyz")
    except ParleyError as refusal:
        advice = f"Look at {running.base}/readyz and at the logs in {settings.data_dir / 'logs'}."
        return [fault("service", f"Runs, but is not ready: {refusal}", advice)]
    return [fine("service", f"Ready at {running.base}.")]


async def _place(settings: Settings) -> list[Finding]:
    """Whether mail may leave from here at all."""
    try:
        found = await place_of_installation(settings)
    except ParleyError:  # said by the check of the database
        return [skipped("sending", "The database cannot be asked.")]
    if found.because is None:
        return [fine("sending", f"Mail leaves from {found.here}.")]
    advice = "With a copy there is nothing to do; leave it held, or empty its outbox first."
    return [fault("sending", found.because, advice)]


async def _round_trip(settings: Settings, recipient: str) -> list[Finding]:
    """A mail to somebody, and one to ourselves, which must come back in."""
    return [await send_test(settings, recipient, now()), await round_trip(settings)]


def _show_dialogue(screen: Console, finding: Finding) -> None:
    if finding.dialogue:
        screen.print(f"\n[bold]{finding.check}[/bold], what was said (> we, < the server):")
        screen.print("\n".join(finding.dialogue), markup=False, soft_wrap=True)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "what was found"):
        table.add_column(heading)
    for finding in findings:
        colour = _COLOURS[finding.grade]
        said = finding.said if not finding.advice else f"{finding.said}\n→ {finding.advice}"
        table.add_row(f"[{colour}]{finding.grade.value}[/{colour}]", finding.check, said)
    return table
