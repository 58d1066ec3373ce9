"""Whether Temporal answers, and whether somebody polls our queues: a worker whose polling died
looks healthy from everywhere else."""

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetSystemInfoRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.doctor.finding import Finding, fault, fine, warning
from adapters.temporal.client import connect
from domain.sagas import ACTIVITY_QUEUE, OUTBOX_QUEUE, SAGA_QUEUE
from settings import Settings

_RPC_TIMEOUT = timedelta(seconds=5)
_POLLED_WITHIN = timedelta(minutes=2)  # a long poll takes one minute
_SHORTEST_RETENTION = timedelta(days=30)


async def check_temporal(settings: Settings) -> list[Finding]:
    """Server, namespace and pollers; one fault when the server cannot be reached."""
    try:
        client = await connect(settings)
        return [
            await _server(client),
            await _namespace(client),
            await check_pollers(client, SAGA_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
            await check_pollers(client, ACTIVITY_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
            await check_pollers(client, OUTBOX_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
        ]
    except (RPCError, RuntimeError) as failure:
        where = settings.temporal_address or "the configured address"
        advice = "Start it (`parley up` does), or set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE."
        return [fault("temporal", f"No answer from {where}: {failure}", advice)]


async def _server(client: Client) -> Finding:
    info = await client.workflow_service.get_system_info(
        GetSystemInfoRequest(), timeout=_RPC_TIMEOUT
    )
    return fine(
        "temporal", f"Server {info.server_version} at {client.service_client.config.target_host}."
    )


async def _namespace(client: Client) -> Finding:
    request = DescribeNamespaceRequest(namespace=client.namespace)
    found = await client.workflow_service.describe_namespace(request, timeout=_RPC_TIMEOUT)
    kept = found.config.workflow_execution_retention_ttl.ToTimedelta()
    said = f"Namespace {client.namespace} keeps closed sagas for {kept.days} days."
    if kept < _SHORTEST_RETENTION:
        advice = f"temporal operator namespace update -n {client.namespace} --retention 720h"
        return warning("namespace", said, advice)
    return fine("namespace", said)


async def check_pollers(client: Client, queue: str, kind: TaskQueueType.ValueType) -> Finding:
    """Whether somebody asked `queue` for work lately. Raises `RPCError`."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    found = await client.workflow_service.describe_task_queue(request, timeout=_RPC_TIMEOUT)
    seen = [poller.last_access_time.ToDatetime(UTC) for poller in found.pollers]
    recent = [at for at in seen if at > datetime.now(UTC) - _POLLED_WITHIN]
    check = f"pollers of {queue}"
    if recent:
        return fine(check, f"{len(recent)} polling, last at {max(recent):%H:%M:%S} UTC.")
    advice = "Start `parley worker` (with the embedded database, `parley up`); see its log."
    return fault(check, "Nobody has asked this queue for work lately.", advice)
