"""`deploy/compose.yaml` is what Compose takes, and fits the settings, the image and LiveKit."""

from __future__ import annotations

import asyncio
import re
import stat
import subprocess
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from greenroom.app.credentials import resolve_credentials, worker_credentials
from greenroom.app.rooms import rooms_provider
from greenroom.cli.options import load_settings
from greenroom.settings import Settings
from support.deployment import DEPLOY, documents, known_variables, seconds
from support.npm import install_packages, node_environment

LINT = Path(__file__).with_name("lint")
DEFAULTS = Settings.model_construct()
OURS = ("server", "worker")
(COMPOSE,) = documents("compose.yaml")
(LIVEKIT,) = documents("livekit.yaml")

# Variables of .env that Compose itself puts in, and that no Greenroom reads.
_OF_COMPOSE = {
    "PUBLIC_ADDRESS", "PUBLISH_ADDRESS", "POSTGRES_PASSWORD",
    "WORKER_CPUS", "WORKER_CAPACITY", "SERVER_CPUS",
}  # fmt: skip


@pytest.fixture(scope="module")
def dot_env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make_env.sh` makes of the example."""
    folder = copytree(DEPLOY, tmp_path_factory.mktemp("machine") / "deploy")
    subprocess.run(["sh", folder / "make_env.sh", "192.0.2.7"], check=True, capture_output=True)
    return folder / ".env"


def lines_of(dot_env: Path) -> dict[str, str]:
    lines = [line for line in dot_env.read_text().splitlines() if re.match(r"[A-Z]", line)]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def environment_of(service: str, dot_env: Path) -> dict[str, str]:
    """What a container of `service` gets."""
    given = lines_of(dot_env)

    def filled(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        return given[name] if default is None else given.get(name, default)

    def value(text: str) -> str:
        return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", filled, text)

    own = COMPOSE["services"][service]["environment"]
    return given | {name: value(text) for name, text in own.items()}


async def test_it_is_a_compose_file_by_the_schema_and_the_rules_of_a_linter() -> None:
    await install_packages(LINT)
    process = await asyncio.create_subprocess_exec(
        "node",
        LINT / "node_modules/dclint/bin/dclint.cjs",
        "--config",
        LINT / "dclint.yaml",
        "--max-warnings=0",
        DEPLOY / "compose.yaml",
        env=node_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()


def test_secrets_are_made_anew_and_kept_from_others(dot_env: Path) -> None:
    example = lines_of(DEPLOY / ".env.example")
    secrets = [lines_of(dot_env)[name] for name, value in example.items() if value == "GENERATE"]
    assert len(set(secrets)) == len(secrets) >= 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", secret) for secret in secrets)
    assert stat.S_IMODE(dot_env.stat().st_mode) == 0o600


def test_what_is_there_already_is_not_written_over(dot_env: Path) -> None:
    before = dot_env.read_text()
    again = subprocess.run(
        ["sh", dot_env.with_name("make_env.sh"), "192.0.2.8"], check=False, capture_output=True
    )
    assert again.returncode == 1
    assert dot_env.read_text() == before


def test_without_an_address_nothing_is_written(tmp_path: Path) -> None:
    folder = copytree(DEPLOY, tmp_path / "deploy", ignore=lambda *_: [".env"])
    ended = subprocess.run(["sh", folder / "make_env.sh"], check=False, capture_output=True)
    assert ended.returncode != 0
    assert b"IP address" in ended.stderr
    assert not (folder / ".env").exists()


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_one_that_is_read(service: str, dot_env: Path) -> None:
    unknown = set(environment_of(service, dot_env)) - known_variables() - _OF_COMPOSE
    assert not unknown
    commented = re.findall(r"^#([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE)
    assert set(commented) <= known_variables()


def test_variables_of_compose_are_given_or_have_a_default() -> None:
    given = set(lines_of(DEPLOY / ".env.example"))
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert used <= given
    assert given - known_variables() == _OF_COMPOSE


@pytest.mark.parametrize("service", OURS)
def test_a_container_starts_with_what_it_gets(
    service: str, dot_env: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment_of(service, dot_env).items():
        monkeypatch.setenv(name, value)
    settings = load_settings(data_dir=tmp_path)
    assert rooms_provider(settings) == "livekit"
    assert settings.storage.database_url is not None
    assert settings.redis_url is not None
    assert settings.celery_broker_url is not None
    assert settings.redis_url != settings.celery_broker_url
    if service == "server":
        credentials = resolve_credentials(settings, has_stored_keys=False)
        assert not settings.server.is_loopback
    else:
        credentials = worker_credentials(settings)
        assert settings.workers.capacity == 40
    assert (credentials.livekit_key, credentials.development) == ("greenroom", False)


def test_both_work_on_the_same_database_queue_and_rooms(dot_env: Path) -> None:
    shared = {
        "GREENROOM_STORAGE__DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "LIVEKIT_URL",
        "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET",
    }  # fmt: skip
    server, worker = (environment_of(service, dot_env) for service in OURS)
    assert {name: server[name] for name in shared} == {name: worker[name] for name in shared}
    hosts = set(re.findall(r"://(?:[^@/]*@)?(\w+)", " ".join(server[name] for name in shared)))
    assert hosts == {"postgres", "redis", "livekit"} <= set(COMPOSE["services"])


def test_grace_is_longer_than_a_drain() -> None:
    # Beyond the drain there is the closing of everything: ten seconds and more.
    for service, drain in (
        ("server", DEFAULTS.server.drain_timeout),
        ("worker", DEFAULTS.workers.drain_timeout),
    ):
        assert seconds(COMPOSE["services"][service]["stop_grace_period"]) >= drain + 20


def test_what_is_published_are_the_settings_ports_and_livekits() -> None:
    def published(service: str) -> dict[str, str]:
        """By the container's port: the address that it is published on; empty: all."""
        found = {}
        for port in COMPOSE["services"][service]["ports"]:
            *address, outside, inside = re.sub(r"\$\{\w+:-([\d.]+)\}", r"\1", port).split(":")
            assert outside == inside.partition("/")[0]
            found[inside] = "".join(address)
        return found

    assert published("server") == {
        str(DEFAULTS.server.port): "127.0.0.1",
        str(DEFAULTS.duplex.port): "127.0.0.1",
        str(DEFAULTS.avatar.port): "127.0.0.1",
    }
    assert published("livekit") == {
        str(LIVEKIT["port"]): "127.0.0.1",
        str(LIVEKIT["rtc"]["tcp_port"]): "",
        f"{LIVEKIT['rtc']['udp_port']}/udp": "",
    }
    for service in ("worker", "postgres", "redis"):
        assert "ports" not in COMPOSE["services"][service]


def test_livekit_tells_the_server_and_is_asked_with_the_same_key(dot_env: Path) -> None:
    assert LIVEKIT["webhook"]["api_key"] == lines_of(dot_env)["LIVEKIT_API_KEY"]
    assert LIVEKIT["webhook"]["urls"] == [f"http://server:{DEFAULTS.server.port}/webhook/livekit"]
    given = environment_of("livekit", dot_env)
    assert given["LIVEKIT_KEYS"] == f"greenroom: {given['LIVEKIT_API_SECRET']}"
    assert given["NODE_IP"] == "192.0.2.7"
    # Greenroom ends a session before LiveKit closes its room.
    assert LIVEKIT["room"]["empty_timeout"] > DEFAULTS.rooms.join_timeout
    assert LIVEKIT["room"]["departure_timeout"] > DEFAULTS.rooms.human_absence


def test_a_workers_health_is_asked_where_it_answers(dot_env: Path) -> None:
    port = environment_of("worker", dot_env)["GREENROOM_WORKERS__HEALTH_PORT"]
    check = COMPOSE["services"]["worker"]["healthcheck"]["test"]
    assert f"127.0.0.1:{port}/health" in check[-1]


@pytest.mark.parametrize("service", OURS)
def test_it_may_do_no_more_than_it_must(service: str) -> None:
    made: dict[str, Any] = COMPOSE["services"][service]
    assert made["read_only"]
    assert made["cap_drop"] == ["ALL"]
    assert made["security_opt"] == ["no-new-privileges:true"]


def test_every_service_is_bounded_restarted_and_waits_for_what_it_needs() -> None:
    for name, service in COMPOSE["services"].items():
        assert {"cpus", "memory"} == set(service["deploy"]["resources"]["limits"]), name
        assert service["restart"] == "unless-stopped", name
    for name in OURS:
        needed = COMPOSE["services"][name]["depends_on"]
        assert set(needed) == {"postgres", "redis", "livekit"}
        assert all(need["condition"] == "service_healthy" for need in needed.values())
        assert all("healthcheck" in COMPOSE["services"][need] for need in needed)


def test_the_database_and_redis_are_on_a_network_without_a_way_out() -> None:
    assert COMPOSE["networks"]["data"]["internal"]
    for name in ("postgres", "redis"):
        assert COMPOSE["services"][name]["networks"] == ["data"]
