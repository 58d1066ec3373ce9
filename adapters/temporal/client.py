"""The connection to Temporal, and what every client, worker and replayer of it shares."""

from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.plugin import SimplePlugin

from settings import Settings

DEFAULT_ADDRESS = "127.0.0.1:7233"


def parley_plugin() -> SimplePlugin:
    """How payloads are written. Given to clients, replayers and test environments alike;
    workers take it from their client."""
    return SimplePlugin("parley", data_converter=pydantic_data_converter)


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """A client by Temporal's own configuration (`TEMPORAL_*` variables and profiles).

    The settings win where they name an address or namespace. A lazy client connects at
    its first call, so it can be made while the server is down, but no worker can use it.
    Raises `RuntimeError` when the server cannot be reached.
    """
    found: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    if settings.temporal_address:
        found["target_host"] = settings.temporal_address
    found.setdefault("target_host", DEFAULT_ADDRESS)
    if "temporal_namespace" in settings.model_fields_set or "namespace" not in found:
        found["namespace"] = settings.temporal_namespace
    return await Client.connect(**found, plugins=[parley_plugin()], lazy=lazy)
