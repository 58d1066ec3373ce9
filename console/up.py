"""`parley up`: everything on this machine, supervised, in one data directory."""

import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from adapters.supervisor.child import Child, ChildFailed, ChildPlan
from adapters.supervisor.ports import check_free, choose_ports
from adapters.supervisor.pulse import answers
from adapters.supervisor.supervisor import Supervisor
from adapters.supervisor.tenure import Tenure
from adapters.temporal.dev_server import DevServer
from adapters.temporal.server import configured_address, ensure_server
from console.crew import STOP_WITHIN, stop_on_signals
from console.layout import WANTED_PORTS, Layout, embedded, variables
from domain.errors import ParleyError
from settings import Settings

_CLI = str(Path(__file__).parent.parent / "cli.py")


class Up:
    """One start of everything. What it says goes to stderr, except for JSON."""

    def __init__(self, settings: Settings, data: Path, *, as_json: bool) -> None:
        self._given = settings
        self._layout = Layout(data.resolve())
        self._as_json = as_json
        self._screen = Console(stderr=as_json, highlight=False)

    async def run(self) -> int:
        """Run until a signal comes. Returns the exit status."""
        stop = stop_on_signals()
        tenure = Tenure.claim(self._layout.data)
        try:
            for orphan in await tenure.end_orphans():
                self._say(f"ended {orphan.name} (process {orphan.pid}), left by an earlier start")
            settings, plans = self._plan()
            return await self._supervise(settings, plans, tenure, stop)
        finally:
            tenure.release()

    def _plan(self) -> tuple[Settings, list[ChildPlan]]:
        data = self._layout.data
        ports = choose_ports(self._layout.ports, WANTED_PORTS)
        address = self._given.temporal_address or configured_address()
        settings = embedded(self._given, data, ports, address)
        plans = [_watched(part_plan("service", settings), settings), part_plan("worker", settings)]
        if not address:
            server = DevServer(
                ensure_server(),
                data,
                ports["temporal"],
                ports["temporal-ui"],
                settings.temporal_namespace,
            )
            temporal = ChildPlan(
                "temporal", server.command(), prepare=server.prepare, stop_within=10
            )
            plans.insert(0, temporal)
        check_free(_used(ports, settings, own_temporal=not address), self._layout.ports)
        return settings, plans

    async def _supervise(
        self, settings: Settings, plans: Sequence[ChildPlan], tenure: Tenure, stop: asyncio.Event
    ) -> int:
        self._layout.logs.mkdir(exist_ok=True)
        children = [Child(plan, self._layout.logs, tenure, self._say) for plan in plans]
        supervisor = Supervisor(children)
        try:
            with self._screen.status("starting …"):
                await _start_unless(stop, supervisor)
            if not stop.is_set():
                self._show(settings, children)
            await supervisor.wait_for(stop)
            return 0
        except ParleyError as failure:
            self._complain(failure, children)
            return 1
        finally:
            self._say("stopping; once more to stop at once")
            stop.clear()
            await supervisor.stop(hurry=stop)
            self._say("stopped")

    def _say(self, text: str) -> None:
        self._screen.print(f"[dim]parley:[/dim] {text}")

    def _complain(self, failure: ParleyError, children: Sequence[Child]) -> None:
        for child in children:
            if not child.ready.is_set() or isinstance(failure, ChildFailed):
                self._screen.print(f"[bold]{child.plan.name}[/bold], last lines of {child.log}:")
                self._screen.print(child.last_words(), markup=False)
        self._screen.print(f"[red]{failure}[/red]")

    def _show(self, settings: Settings, children: Sequence[Child]) -> None:
        links = self._links(settings)
        if self._as_json:
            pids = {child.plan.name: child.pid for child in children}
            sys.stdout.write(json.dumps({**links, "pids": pids}) + "\n")
            sys.stdout.flush()
            return
        self._screen.print("[bold green]Parley is up.[/bold green]")
        for name, value in links.items():
            if name == "base":  # for programs; people follow the links
                continue
            self._screen.print(f"  {name:<12} {value}", soft_wrap=True)
        self._screen.print("  Ctrl-C stops it; everything goes on at the next start.")

    def _links(self, settings: Settings) -> dict[str, str]:
        base = f"http://127.0.0.1:{settings.api_port}"
        links = {"base": base, "api": f"{base}/openapi.json", "desk": f"{base}/desk"}
        if settings.catcher_port:
            links["mailbox"] = f"{base}/mailbox"
        if settings.temporal_address == f"127.0.0.1:{self._port('temporal')}":
            links["temporal_ui"] = f"http://127.0.0.1:{self._port('temporal-ui')}"
        links["intake"] = f"smtp://{settings.intake_host}:{settings.intake_port}"
        links["data"] = str(self._layout.data)
        if self._layout.api_key.exists():
            links["api_key"] = self._layout.api_key.read_text().strip()
        return links

    def _port(self, name: str) -> int:
        return int(json.loads(self._layout.ports.read_text())[name])


def part_plan(name: str, settings: Settings) -> ChildPlan:
    """How the process `name` of Parley is run."""
    command = [sys.executable, _CLI, name]
    return ChildPlan(name, command, variables(settings), stop_within=STOP_WITHIN + 5)


def _watched(service: ChildPlan, settings: Settings) -> ChildPlan:
    """A service that is stuck, or can write no more, looks as well to us as one that works."""
    host, port = settings.api_host, settings.api_port
    return dataclasses.replace(service, is_alive=lambda: answers(host, port))


def _used(ports: dict[str, int], settings: Settings, *, own_temporal: bool) -> dict[str, int]:
    """The ports that this start will really listen on."""
    unused = set() if settings.catcher_port else {"catcher"}
    unused |= set() if own_temporal else {"temporal", "temporal-ui"}
    return {name: port for name, port in ports.items() if name not in unused}


async def _start_unless(stop: asyncio.Event, supervisor: Supervisor) -> None:
    """Start everything, or give up when asked to stop meanwhile."""
    starting = asyncio.create_task(supervisor.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if starting.done():
        starting.result()
    starting.cancel()


def run_up(settings: Settings, data: Path, *, as_json: bool) -> int:
    """Run `parley up` to its end; returns the exit status. Raises `ParleyError`."""
    Layout(data).close_to_others()
    return asyncio.run(Up(settings, data, as_json=as_json).run())
