"""The image's recipe is sound, and everything that it takes is there to be taken."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom import __version__
from greenroom.settings import Settings
from support.deployment import DEPLOY, documents, manifests
from support.documents import ROOT

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
INSTRUCTIONS = re.sub(r"\\\n", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))


def test_the_recipe_follows_the_rules_of_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    said = subprocess.run(
        [hadolint, "--failure-threshold=style", DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_all_that_is_copied_is_let_through_to_the_build() -> None:
    ignored, *exceptions = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert ignored == "*"
    (lock,) = re.findall(r"^ARG LOCK=(\S+)$", INSTRUCTIONS, re.MULTILINE)
    copied = [
        source.replace("${LOCK}", lock)
        for words in re.findall(r"^COPY (?!--from)(.+)$", INSTRUCTIONS, re.MULTILINE)
        for source in words.split()[:-1]
    ]
    assert {"pyproject.toml", "src", lock} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists()
        assert any(
            exception.startswith("!") and Path(path).match(exception[1:])
            for exception in exceptions
        ), path


@pytest.mark.parametrize("package", ["asyncpg", "celery", "livekit", "redis", "espeakng-loader"])
def test_the_image_has_what_servers_and_workers_share_their_work_by(package: str) -> None:
    (lock,) = re.findall(r"^ARG LOCK=(\S+)$", INSTRUCTIONS, re.MULTILINE)
    pinned = rf"^{package}==\S+ \\\n    --hash=sha256:"
    assert re.search(pinned, (ROOT / lock).read_text(), re.MULTILINE)
    assert "--require-hashes --no-deps" in INSTRUCTIONS


def test_the_image_with_models_has_all_that_the_other_has() -> None:
    def pinned(lock: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==\S+", (ROOT / lock).read_text(), re.MULTILINE))

    plain, *others = re.findall(r"requirements-deploy\S*\.lock", DOCKERFILE)[::-1]
    (models,) = set(others) - {plain}
    more = {line.partition("==")[0] for line in pinned(models) - pinned(plain)}
    assert pinned(plain) < pinned(models)
    assert {"faster-whisper", "piper-tts"} <= more


def test_it_runs_as_nobody_in_particular_and_ends_on_sigterm() -> None:
    last = INSTRUCTIONS.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert all(int(number) >= 10_000 for number in user)
    assert re.search(r"^STOPSIGNAL SIGTERM$", last, re.MULTILINE)
    assert 'ENTRYPOINT ["greenroom"]' in last
    pod = manifests()["Deployment", "greenroom-worker"]["spec"]["template"]["spec"]
    assert str(pod["securityContext"]["runAsUser"]) == user[0]


def test_it_opens_the_ports_that_the_settings_have() -> None:
    settings = Settings.model_construct()
    (exposed,) = re.findall(r"^EXPOSE (.+)$", INSTRUCTIONS, re.MULTILINE)
    assert set(exposed.split()) == {
        str(settings.server.port),
        str(settings.duplex.port),
        str(settings.avatar.port),
        str(settings.rooms.port),
        settings.rooms.udp_ports.partition("-")[0] + "/udp",
    }
    (check,) = re.findall(r"HEALTHCHECK .*CMD (\[.+\])", INSTRUCTIONS)
    assert f"127.0.0.1:{settings.server.port}/health" in json.loads(check)[2]


def test_it_is_the_same_image_everywhere_and_of_this_version() -> None:
    (compose,) = documents("compose.yaml")
    image = f"greenroom:{__version__}"
    assert {compose["services"][name]["image"] for name in ("server", "worker")} == {image}
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    assert kustomization["images"] == [{"name": "greenroom", "newTag": __version__}]
    for name in ("greenroom-server", "greenroom-worker"):
        containers = manifests()["Deployment", name]["spec"]["template"]["spec"]["containers"]
        assert [container["image"] for container in containers] == ["greenroom"]
    assert f"-t {image} ." in DOCKERFILE


def test_no_registry_is_named() -> None:
    (compose,) = documents("compose.yaml")
    images = [service["image"] for service in compose["services"].values()]
    bases = re.findall(r"^FROM (\S+)", INSTRUCTIONS, re.MULTILINE)
    for image in (*images, *bases):
        host, slash, _ = image.rpartition("/")
        assert not slash or "." not in host, image
        assert ":latest" not in image
