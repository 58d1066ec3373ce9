"""The log of a child: a file that does not grow for ever, however long the child lives."""

import os
import shutil
from pathlib import Path


def set_aside_if_big(log: Path, limit: int) -> bool:
    """Move what `log` holds to `<name>.log.1` when it has more than `limit` bytes; whether it did.

    The child goes on writing: it appends, so that an emptied file begins anew under it. What it
    writes between the copy and the emptying is lost.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return False
    shutil.copyfile(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
    return True
