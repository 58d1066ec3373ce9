"""Programs that some tests need: where one is missing they are skipped loudly, and fail in CI."""

import os
import shutil

import pytest

from adapters.temporal.server import find_server

_IS_CI = os.environ.get("CI") == "true"


def _needs(is_there: bool, why: str) -> pytest.MarkDecorator:
    """In CI nothing is skipped: the test runs, and fails of what is missing."""
    return pytest.mark.skipif(not is_there and not _IS_CI, reason=f"{why}: this was NOT tested")


TEMPORAL = _needs(find_server() is not None, "there is no temporal program")


def need(program: str, package: str) -> None:
    """For fixtures: skip, or fail in CI, where `program` is not installed."""
    if shutil.which(program) is not None:
        return
    missing = f"{program} is not installed (Debian: apt-get install {package})"
    if _IS_CI:
        pytest.fail(missing)
    pytest.skip(f"{missing}: this was NOT tested")
