"""Promises of the files only their owner can read."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.secret import installation_secret, kept_or_made
from domain.errors import BadInput
from settings import Settings


def test_the_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", secret="")

    first = installation_secret(settings)
    again = installation_secret(settings)

    assert first == again
    assert len(first) >= 32
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600


def test_a_configured_secret_comes_before_the_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret="s" * 40)

    assert installation_secret(settings) == b"s" * 40
    assert not (tmp_path / "secret").exists()


def test_a_short_secret_is_refused_by_the_name_of_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="PARLEY_SECRET is shorter than 32"):
        installation_secret(Settings(data_dir=tmp_path, secret="short"))


def test_processes_that_share_a_database_do_not_each_make_a_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://db/parley", secret="")

    with pytest.raises(BadInput, match="PARLEY_SECRET"):
        installation_secret(settings)

    assert not (tmp_path / "secret").exists()


def test_a_lost_secret_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret="")

    with pytest.raises(BadInput, match="from a backup"):
        installation_secret(settings, is_new=False)

    assert not (tmp_path / "secret").exists()


def test_of_many_that_make_a_file_at_once_one_wins_for_all(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda n: kept_or_made(tmp_path / "key", f"text {n}"), range(40)))

    assert texts == {(tmp_path / "key").read_text()}
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
