"""A Temporal server for tests that stop it and start it again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.supervisor.child import Child, ChildPlan
from adapters.supervisor.ports import choose_ports
from adapters.supervisor.supervisor import Supervisor
from adapters.supervisor.tenure import Tenure
from adapters.temporal.dev_server import DevServer
from adapters.temporal.server import find_server
from settings import Settings


class Server:
    """A development server on kept ports that can be stopped and started again."""

    def __init__(self, data: Path) -> None:
        ports = choose_ports(data / "ports.json", {"temporal": 0, "temporal-ui": 0})
        program = find_server()
        assert program is not None
        self._data = data
        self.plan = DevServer(program, data, ports["temporal"], ports["temporal-ui"], "default")
        self.settings = Settings(temporal_address=self.plan.address)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tenure = Tenure.claim(self._data)
        plan = ChildPlan("temporal", self.plan.command(), prepare=self.plan.prepare)
        supervisor = Supervisor([Child(plan, self._data, tenure, lambda _: None)])
        try:
            await supervisor.start()
            yield
        finally:
            await supervisor.stop()
            tenure.release()
