"""Whose the files of a data directory are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.layout import Layout


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_data_directory_made_earlier_is_closed_to_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "logs").mkdir(parents=True)
    for name in ("catcher.db", "catcher.db-wal", "logs/service.log"):
        (data / name).touch(mode=0o644)

    Layout(data).close_to_others()
    (data / "new").touch()

    assert mode_of(data) == mode_of(data / "logs") == 0o700
    assert {mode_of(path) for path in data.rglob("*") if path.is_file()} == {0o600}


def test_what_is_not_ours_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    strange = tmp_path / "strange.txt"
    strange.touch(mode=0o644)
    (tmp_path / "secret").symlink_to(strange)
    (tmp_path / "parley.db").touch(mode=0o644)

    Layout(tmp_path).close_to_others()

    assert (mode_of(tmp_path), mode_of(strange)) == (0o755, 0o644)
    assert mode_of(tmp_path / "parley.db") == 0o600


def test_a_directory_that_is_not_there_is_left_to_whoever_makes_it(tmp_path: Path) -> None:
    Layout(tmp_path / "none").close_to_others()

    assert not (tmp_path / "none").exists()
