"""A Postfix of one's own: its configuration is the one of docs/running.md, its queue is gone with
it, and it speaks on loopback alone."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.adapters.postfix_programs import listens, program
from tests.patience import until

_DOCS = Path(__file__).parents[2] / "docs" / "running.md"
_BLOCK = re.compile(r"```\n# main\.cf\n(.*?)```", re.DOTALL)

_OWN = """
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/log
maillog_file_prefixes = {place}
compatibility_level = 3.6
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.example.net
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{world}
smtp_dns_support_level = disabled
"""

_SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def documented(intake: int, lmtp: int) -> dict[str, str]:
    """The lines of docs/running.md, with the intake's real ports: by SMTP, and by LMTP."""
    [main] = _BLOCK.findall(_DOCS.read_text())
    by_smtp, by_lmtp = "smtp:[127.0.0.1]:8725", "lmtp:inet:127.0.0.1:8724"
    assert by_smtp in main
    assert by_lmtp in _DOCS.read_text()
    return {
        "smtp": main.replace(by_smtp, f"smtp:[127.0.0.1]:{intake}"),
        "lmtp": main.replace(by_smtp, f"lmtp:inet:127.0.0.1:{lmtp}"),
    }


@asynccontextmanager
async def running_postfix(main: str, port: int, world: int) -> AsyncIterator[None]:
    """A Postfix on `port` with these lines in main.cf, that gives all other mail to `world`.

    Postfix changes users, so only root can start it; others skip, in CI too.
    """
    if os.geteuid() != 0:
        pytest.skip("Only root can start Postfix: a meeting through it was NOT tested")
    place = _prepared(main, port, world)
    # A shell that waits for the master, which alone knows how to end its own.
    master = await asyncio.create_subprocess_exec(
        program("postfix"), "-c", str(place), "start-fg", start_new_session=True
    )
    try:
        await until(lambda: master.returncode is not None or listens(port))
        assert master.returncode is None, (place / "log").read_text()
        yield
    finally:
        _stop(place / "queue" / "pid" / "master.pid")
        await master.wait()
        shutil.rmtree(place, ignore_errors=True)


def _prepared(main: str, port: int, world: int) -> Path:
    place = Path(tempfile.mkdtemp(prefix="postfix-"))  # pytest's own are closed to other users
    place.chmod(0o755)
    (place / "main.cf").write_text(_OWN.format(place=place, world=world) + main)
    (place / "master.cf").write_text(_SERVICES.format(port=port))
    for name in ("queue", "data"):
        (place / name).mkdir()
    shutil.chown(place / "data", "postfix")
    return place


def _stop(pid_file: Path) -> None:
    with suppress(OSError):  # it never came that far, or has gone
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
