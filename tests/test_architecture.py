"""The house rules that import-linter cannot see, as promises."""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker
from domain.sagas import workflow_of

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "workflows", "activities", "adapters", "api", "console")
NOUNS = frozenset(
    path.name for path in (ROOT / "domain").iterdir() if (path / "__init__.py").exists()
)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """The names of the modules that a file imports; `from a import b` gives `a.b`."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "path", [p for p in sources(*PACKAGES, "tests") if p.name == "__init__.py"], ids=shown
)
def test_importing_one_system_does_not_import_all(path: Path) -> None:
    assert path.read_text().strip() == "", f"{shown(path)} must stay empty"


@pytest.mark.parametrize("path", sources("domain"), ids=shown)
def test_rules_know_the_standard_library_and_pydantic_only(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"pydantic", "domain"}

    foreign = {name for name in imported(path) if name.partition(".")[0] not in allowed}

    assert not foreign


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.py")), ids=shown)
def test_a_saga_knows_nothing_of_other_systems_but_their_messages(path: Path) -> None:
    others = NOUNS - {path.stem}

    pried = {name for name in imported(path) for noun in others if _pries_into(name, noun)}

    assert not pried


def _pries_into(name: str, noun: str) -> bool:
    own = (f"domain.{noun}", f"workflows.{noun}", f"activities.{noun}")
    belongs = any(name == module or name.startswith(f"{module}.") for module in own)
    return belongs and not name.startswith(f"domain.{noun}.messages")


def test_the_worker_only_wires_sagas_and_activities() -> None:
    """It holds no adapter: what it needs of the world is handed to it."""
    roots = {name.partition(".")[0] for name in imported(ROOT / "worker.py", top_level_only=True)}

    assert roots <= sys.stdlib_module_names | {"temporalio", "domain", "activities", "workflows"}


def test_the_worker_polls_for_every_workflow() -> None:
    written = {
        node.name
        for path in (ROOT / "workflows").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and any(_is_definition(d) for d in node.decorator_list)
    }

    assert {each.__name__ for each in worker.WORKFLOWS} == written


def test_the_worker_polls_for_every_activity() -> None:
    written = {
        node.name
        for path in (ROOT / "activities").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        and any(_is_definition(d) for d in node.decorator_list)
    }
    source = inspect.getsource(worker)

    assert {name for name in written if f".{name}" not in source} == set()


def _is_definition(decorator: ast.expr) -> bool:
    """`@workflow.defn…` or `@activity.defn…`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr == "defn"


def test_every_saga_is_found_by_the_name_of_its_streams() -> None:
    names = {getattr(saga, "__temporal_workflow_definition").name for saga in worker.SAGAS}

    assert names == {workflow_of(f"{name.lower()}/1") for name in names}


def test_the_command_line_loads_nothing_before_it_knows_what_is_asked() -> None:
    roots = {name.partition(".")[0] for name in imported(ROOT / "cli.py", top_level_only=True)}

    assert roots <= sys.stdlib_module_names | {"typer", "domain", "settings"}


# The leash sets the environment of the program that it becomes.
_LEASH = ROOT / "adapters" / "supervisor" / "leash.py"


@pytest.mark.parametrize(
    "path",
    [path for path in (*sources(*PACKAGES), ROOT / "worker.py", ROOT / "cli.py") if path != _LEASH],
    ids=shown,
)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    text = path.read_text()

    assert "os.environ" not in text
    assert "getenv" not in text
