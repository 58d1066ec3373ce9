"""Is it alive, is it ready, which version is it: for supervisors, balancers and people."""

import asyncio
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.responses import Response

from api.ports import Check, PortsDep

router = APIRouter(tags=["operations"])

PATIENCE = 3.0
"""Seconds a readiness check may take."""


class Notice(str):
    """What a check found that somebody should know, and that makes nothing unready."""


@router.get(
    "/livez",
    summary="Is the process alive?",
    responses={503: {"description": "Only a new process helps."}},
)
async def livez(ports: PortsDep) -> Response:
    """200 as long as the process answers and can still work. Restart it when this fails."""
    shown = {"status": "alive" if ports.is_alive() else "dying"}
    return JSONResponse(shown, 200 if ports.is_alive() else 503, {"Cache-Control": "no-store"})


@router.get(
    "/readyz",
    summary="Is everything it needs there?",
    responses={503: {"description": "Something is missing; `checks` says what."}},
)
async def readyz(ports: PortsDep) -> Response:
    """200 when every check is well, else 503; either way with one line for each. `warnings` are
    what somebody should look at, though requests are served."""
    names = list(ports.checks)
    found = dict(zip(names, await asyncio.gather(*map(_run, ports.checks.values())), strict=True))
    warnings = {name: said for name, said in found.items() if isinstance(said, Notice)}
    faults = {name: said for name, said in found.items() if said and name not in warnings}
    shown = {
        "status": "not ready" if faults else "ready",
        "checks": {name: faults.get(name, "ok") for name in names},
        "warnings": warnings,
    }
    return JSONResponse(shown, 503 if faults else 200, {"Cache-Control": "no-store"})


async def _run(check: Check) -> str | None:
    """The fault a check finds; one that hangs or breaks has found one."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await check()
    except TimeoutError:
        return f"no answer within {PATIENCE:g} s"
    except Exception as fault:  # whatever a driver raises is a fault to report, not a 500
        return f"{type(fault).__name__}"


@router.get("/version", summary="Which version is it?")
async def read_version() -> dict[str, str]:
    return {"name": "parley", "version": installed_version()}


def installed_version() -> str:
    """The version of the installed distribution; a bare checkout has none."""
    try:
        return version("parley")
    except PackageNotFoundError:
        return "0+checkout"
