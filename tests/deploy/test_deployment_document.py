"""What docs/deployment.md says is so."""

from __future__ import annotations

import re

from greenroom.settings import Settings
from support.deployment import DEPLOY, documents, known_variables
from support.documents import ROOT, shell_lines

TEXT = (ROOT / "docs/deployment.md").read_text()
DEFAULTS = Settings.model_construct()


def test_every_variable_it_names_is_one_that_is_read() -> None:
    named = set(re.findall(r"\b((?:GREENROOM|LIVEKIT|REDIS|CELERY)_[A-Z_]+[A-Z])\b", TEXT))
    assert named
    assert not named - known_variables()


def test_every_setting_it_names_has_the_value_that_it_gives() -> None:
    given = re.findall(r"`(\w+)\.(\w+)`\s+\((\d+) (s|h)\)", TEXT)
    assert len(given) >= 5
    for group, name, number, unit in given:
        value = getattr(getattr(DEFAULTS, group), name)
        assert value == int(number) * {"s": 1, "h": 3600}[unit], f"{group}.{name}"
    for group, name in re.findall(r"`([a-z]+)\.([a-z_]+)`", TEXT):
        if group in Settings.model_fields and name != "yaml":
            assert name in type(getattr(DEFAULTS, group)).model_fields, f"{group}.{name}"


def test_every_file_it_names_is_there() -> None:
    for name in re.findall(r"`(deploy/[\w./]+)`", TEXT):
        assert (ROOT / name).exists() or name == "deploy/.env", name
    in_kubernetes = re.findall(r"^\| `([\w.-]+\.yaml)` \|", TEXT, re.MULTILINE)
    assert set(in_kubernetes) <= {path.name for path in (DEPLOY / "kubernetes").iterdir()}
    for name in re.findall(r"\]\(([\w.-]+\.md)\)", TEXT):
        assert (ROOT / "docs" / name).exists(), name


def test_its_compose_commands_name_services_and_files_that_there_are() -> None:
    services = set(documents("compose.yaml")[0]["services"])
    commands = [line for line in shell_lines("docs/deployment.md") if line.startswith("docker")]
    assert len(commands) >= 8
    for command in commands:
        assert command.startswith("docker compose -f deploy/compose.yaml "), command
        for service in re.findall(r"(?:exec|run --rm --no-deps)(?: -T)? (\w+)", command):
            assert service in services
        for service in re.findall(r"--scale (\w+)=", command):
            assert service in services
