"""What every process with a database checks before it does anything."""

import shutil
from pathlib import Path

import pytest

from adapters.db.installation import WrongSecret
from adapters.doctor.finding import Grade
from api.health import Notice
from console.adopting import adopt
from console.crew import Crew
from console.doctor import _place
from console.ground import ground
from console.readiness import checks
from domain.errors import BadInput
from settings import Settings


async def secret_with(settings: Settings) -> bytes:
    async with ground(settings, Crew()) as g:
        return g.secret


async def test_a_process_with_another_secret_does_not_start(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = await secret_with(settings)

    with pytest.raises(WrongSecret):
        await secret_with(settings.model_copy(update={"secret": "x" * 32}))

    assert await secret_with(settings) == made


async def test_a_lost_secret_file_is_asked_for_and_not_made_anew(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = await secret_with(settings)
    (tmp_path / "secret").unlink()

    with pytest.raises(BadInput, match="from a backup"):
        await secret_with(settings)

    assert not (tmp_path / "secret").exists()
    (tmp_path / "secret").write_bytes(made)
    assert await secret_with(settings) == made


async def test_a_shared_database_is_refused_without_a_shared_secret(
    tmp_path: Path, postgres_url: str
) -> None:
    with pytest.raises(BadInput, match="PARLEY_SECRET"):
        await secret_with(Settings(data_dir=tmp_path, database_url=postgres_url))


async def test_a_copied_data_directory_holds_its_mail_until_it_is_adopted(tmp_path: Path) -> None:
    await secret_with(Settings(data_dir=tmp_path / "original"))
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    copy = Settings(data_dir=tmp_path / "copy")
    async with ground(copy, Crew()) as g:
        assert isinstance(await checks(g)["sending"](), Notice), "a notice: requests are served"

    [held] = [one for one in await _place(copy) if one.check == "sending"]
    assert held.grade is Grade.FAULT
    await adopt(copy)

    [free] = await _place(copy)
    assert free.grade is Grade.FINE
    async with ground(copy, Crew()) as g:
        assert await checks(g)["sending"]() is None
