"""Promises of docker-compose.yml that need no container engine to be checked."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from adapters.temporal.dev_server import RETENTION, SEARCH_ATTRIBUTES
from cli import app
from settings import Settings
from tests.compose import read_compose

ROOT = Path(__file__).parent.parent
COMPOSE = read_compose((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("build") == "."}
JOBS = {"temporal-schema", "temporal-namespace", "migrate"}
COMMANDS = {
    command.name or command.callback.__name__
    for command in app.registered_commands
    if command.callback
}


def needs(service: dict[str, Any]) -> dict[str, str]:
    return {name: how["condition"] for name, how in (service.get("depends_on") or {}).items()}


def test_every_part_has_a_container_of_its_own() -> None:
    assert set(OURS) == {"api", "intake", "worker", "migrate"}
    assert set(SERVICES) - set(OURS) == {
        *("postgres", "temporal-schema", "temporal", "temporal-namespace", "temporal-ui"),
        "mailpit",
    }


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_a_command_that_exists(name: str) -> None:
    program, command, *_ = OURS[name]["command"]

    assert program == "parley"
    assert command in COMMANDS


@pytest.mark.parametrize("name", OURS)
def test_settings_are_called_by_their_real_names(name: str) -> None:
    named = {key for key in OURS[name]["environment"] if key.startswith("PARLEY_")}

    assert named <= {f"PARLEY_{field.upper()}" for field in Settings.model_fields}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_can_be_waited_for(name: str) -> None:
    for other, condition in needs(SERVICES[name]).items():
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other], other
        else:
            assert condition == "service_completed_successfully"
            assert other in JOBS


@pytest.mark.parametrize("name", SERVICES)
def test_jobs_end_and_services_start_again(name: str) -> None:
    restart = SERVICES[name]["restart"]

    assert restart.startswith("on-failure:") if name in JOBS else restart == "unless-stopped"


def test_nobody_waits_in_a_circle() -> None:
    settled: set[str] = set()
    while len(settled) < len(SERVICES):
        ready = {name for name, service in SERVICES.items() if set(needs(service)) <= settled}
        assert ready > settled
        settled = ready


@pytest.mark.parametrize("name", sorted(set(OURS) - JOBS))
def test_every_part_says_how_it_is(name: str) -> None:
    assert "healthcheck" in OURS[name]


def test_the_worker_is_known_by_the_file_it_touches() -> None:
    file = OURS["worker"]["environment"]["PARLEY_HEALTH_FILE"]

    assert f"os.stat('{file}')" in OURS["worker"]["healthcheck"]["test"][-1]


def test_mail_is_taken_in_while_temporal_is_away() -> None:
    seen, waiting = set(), ["intake", "api"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting.extend(needs(SERVICES[name]))

    assert not {name for name in seen if name.startswith("temporal")}


def test_what_has_no_authentication_is_published_on_loopback_only() -> None:
    for name in set(SERVICES) - {"api", "intake"}:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", [])), name


def test_published_ports_are_those_the_parts_listen_on() -> None:
    defaults = Settings.model_fields

    assert OURS["api"]["ports"] == [
        f"{defaults['api_port'].default}:{defaults['api_port'].default}"
    ]
    intake = defaults["intake_port"].default
    assert OURS["intake"]["ports"] == [f"{intake}:{intake}"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    version = re.search(r":\$\{\w+:-(.+)\}$", SERVICES[name]["image"])

    assert version is not None
    assert version[1] != "latest"


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name: str) -> None:
    for mount in SERVICES[name].get("volumes") or []:
        source = mount.partition(":")[0]
        assert source in COMPOSE["volumes"] if "/" not in source else (ROOT / source).exists()


@pytest.mark.parametrize("name", ["create-schema.sh", "create-namespace.sh"])
def test_the_jobs_scripts_are_shell(name: str) -> None:
    script = ROOT / "deploy" / "temporal" / name

    subprocess.run(["sh", "-n", str(script)], check=True)
    assert any(f"/scripts/{name}" in service.get("command", []) for service in SERVICES.values())


def test_the_namespace_is_set_up_as_the_embedded_one_is() -> None:
    script = (ROOT / "deploy" / "temporal" / "create-namespace.sh").read_text()

    assert f"--retention {RETENTION}" in script
    for name, kind in SEARCH_ATTRIBUTES.items():
        assert f"--name {name} --type {kind}" in script


def test_the_image_copies_what_exists_and_everything_that_is_run() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = {
        source for line in re.findall(r"^COPY (.+) \S+$", text, re.M) for source in line.split()
    }

    assert all((ROOT / source).exists() for source in copied)
    packages = {"domain", "workflows", "activities", "adapters", "api", "console"}
    assert packages | {"cli.py", "settings.py", "worker.py", "requirements.lock"} <= copied
    assert "USER parley" in text


def test_yaml_outside_the_subset_is_refused_rather_than_misread() -> None:
    with pytest.raises(ValueError, match="subset"):
        read_compose("services:\n  a: |\n    text\n")
