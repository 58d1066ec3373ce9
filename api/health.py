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


@router.get("/livez", summary="Is the process alive?")
async def livez() -> dict[str, str]:
    """200 as long as the process answers. Restart it when this fails."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    summary="Is everything it needs there?",
    responses={503: {"description": "Something is missing; `checks` says what."}},
)
async def readyz(ports: PortsDep) -> Response:
    """200 when every check is well, else 503; either way with one line for each."""
    names = list(ports.checks)
    faults = await asyncio.gather(*(_run(ports.checks[name]) for name in names))
    checks = {name: fault or "ok" for name, fault in zip(names, faults, strict=True)}
    is_ready = not any(faults)
    shown = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JSONResponse(shown, 200 if is_ready else 503, {"Cache-Control": "no-store"})


async def _run(check: Check) -> str | None:
    """The fault a check finds; one that hangs or breaks has found one."""
    try:
        return await asyncio.wait_for(check(), PATIENCE)
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
