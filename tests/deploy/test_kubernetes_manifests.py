"""`deploy/kubernetes` is what Kubernetes takes, and fits the settings and the image."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import kubernetes_validate
import pytest
from starlette.routing import Route

from greenroom.app.credentials import resolve_credentials, worker_credentials
from greenroom.app.worker_health import WorkerHealth
from greenroom.cli.options import load_settings
from greenroom.settings import Settings
from support.deployment import KUBERNETES, documents, known_variables, manifests

SERVER, WORKER = "greenroom-server", "greenroom-worker"
WORKLOADS = (SERVER, WORKER)
DEFAULTS = Settings.model_construct()
CLOSING = 20
"""Seconds for everything to be closed after a drain, and some to spare."""

Manifest = dict[str, Any]


def pod_of(name: str) -> Manifest:
    pod: Manifest = manifests()["Deployment", name]["spec"]["template"]["spec"]
    return pod


def container_of(name: str) -> Manifest:
    (container,) = pod_of(name)["containers"]
    made: Manifest = container
    return made


def environment_of(name: str) -> dict[str, str]:
    """What a container gets, with the example's secrets filled in."""
    given: dict[str, str] = {}
    for source in container_of(name)["envFrom"]:
        if "configMapRef" in source:
            given |= manifests()["ConfigMap", source["configMapRef"]["name"]]["data"]
        else:
            (secret,) = documents("kubernetes/secret.example.yaml")
            assert source["secretRef"]["name"] == secret["metadata"]["name"]
            given |= {key: value or "filled-in" for key, value in secret["stringData"].items()}
    for variable in container_of(name)["env"]:
        given[variable["name"]] = variable.get("value", "from the pod")
    return given


def ports_of(name: str) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container_of(name)["ports"]}


@pytest.mark.parametrize(
    "file", sorted({path.name for path in KUBERNETES.glob("*.yaml")} - {
        "kustomization.yaml", "prometheus-adapter.example.yaml",  # of other tools
    })
)  # fmt: skip
def test_every_manifest_is_valid_to_the_letter(file: str) -> None:
    found = documents(f"kubernetes/{file}")
    assert found
    for document in found:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        assert "namespace" not in document["metadata"]


def test_every_file_is_applied_or_says_that_it_is_an_example() -> None:
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert {file for file in files if ".example." not in file} == set(kustomization["resources"])


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_variable_of_a_pod_is_one_that_is_read(name: str) -> None:
    assert not set(environment_of(name)) - known_variables()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_starts_with_what_it_gets(
    name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in environment_of(name).items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(data_dir=tmp_path)
    assert settings.livekit_url
    assert settings.celery_broker_url is not None
    if name == SERVER:
        assert not settings.server.is_loopback
        assert not resolve_credentials(settings, has_stored_keys=False).development
    else:
        assert not worker_credentials(settings).development
        assert settings.workers.capacity


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_has_time_to_drain_and_to_close(name: str) -> None:
    pod, given = pod_of(name), environment_of(name)
    if name == SERVER:
        drain = DEFAULTS.server.drain_timeout
        assert "GREENROOM_SERVER__DRAIN_TIMEOUT" not in given
    else:
        drain = float(given["GREENROOM_WORKERS__DRAIN_TIMEOUT"])
    pause = container_of(name).get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    needed = pause.get("seconds", 0) + drain + CLOSING
    assert pod["terminationGracePeriodSeconds"] >= needed


def test_the_service_leads_to_the_ports_of_the_settings() -> None:
    assert ports_of(SERVER) == {
        "main": DEFAULTS.server.port,
        "duplex": DEFAULTS.duplex.port,
        "avatars": DEFAULTS.avatar.port,
    }
    service = manifests()["Service", SERVER]["spec"]
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports_of(SERVER)


def test_a_worker_answers_where_it_is_asked() -> None:
    given = environment_of(WORKER)
    assert ports_of(WORKER) == {"health": int(given["GREENROOM_WORKERS__HEALTH_PORT"])}
    assert ipaddress.ip_address(given["GREENROOM_WORKERS__HEALTH_HOST"]).is_unspecified
    annotations = manifests()["Deployment", WORKER]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == given["GREENROOM_WORKERS__HEALTH_PORT"]


def probes_of(name: str) -> dict[str, Manifest]:
    kinds = ("startupProbe", "readinessProbe", "livenessProbe")
    return {kind: container_of(name)[kind]["httpGet"] for kind in kinds}


def test_probes_ask_for_paths_that_there_are() -> None:
    # Of the application nothing is asked here but where it answers.
    served = WorkerHealth(*[None] * 4).app()  # type: ignore[arg-type]
    paths = {route.path for route in served.routes if isinstance(route, Route)}
    asked = probes_of(WORKER)
    assert {probe["path"] for probe in asked.values()} == paths == {"/health", "/metrics"}
    assert {probe["path"] for probe in probes_of(SERVER).values()} == {"/health"}
    for name in WORKLOADS:
        assert {probe["port"] for probe in probes_of(name).values()} <= set(ports_of(name))


def test_a_worker_that_drains_or_has_lost_redis_is_not_ready_but_alive() -> None:
    asked = probes_of(WORKER)
    assert asked["readinessProbe"]["path"] == "/health"
    assert asked["livenessProbe"]["path"] == "/metrics"


def test_the_scaler_goes_by_a_metric_that_workers_have() -> None:
    scaler = manifests()["HorizontalPodAutoscaler", WORKER]["spec"]
    assert scaler["scaleTargetRef"]["name"] == WORKER
    (metric,) = scaler["metrics"]
    name = metric["pods"]["metric"]["name"]
    (adapter,) = documents("kubernetes/prometheus-adapter.example.yaml")
    (rule,) = adapter["rules"]["custom"]
    assert rule["name"]["as"] == name
    assert re.fullmatch(rule["name"]["matches"], name)
    assert rule["seriesQuery"].startswith(name)
    assert name == "greenroom_agents_load"
    # Who has set the number of workers by hand would fight the scaler at every apply.
    assert "replicas" not in manifests()["Deployment", WORKER]["spec"]


def test_workers_are_taken_away_one_by_one_after_they_were_idle_for_a_while() -> None:
    down = manifests()["HorizontalPodAutoscaler", WORKER]["spec"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 600
    (policy,) = down["policies"]
    assert (policy["type"], policy["value"]) == ("Pods", 1)


@pytest.mark.parametrize("name", WORKLOADS)
def test_pods_are_as_the_restricted_standard_wants_them(name: str) -> None:
    pod, container = pod_of(name), container_of(name)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert manifests()["ServiceAccount", pod["serviceAccountName"]] is not None
    # Kubernetes would put GREENROOM_SERVER_PORT=tcp://... into every container.
    assert pod["enableServiceLinks"] is False
    written = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert written == {"/var/lib/greenroom", "/tmp"}
    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    assert {"memory"} == set(container["resources"]["limits"])


@pytest.mark.parametrize("kind", ["PodDisruptionBudget", "NetworkPolicy"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_what_guards_pods_finds_them(kind: str, name: str) -> None:
    spec = manifests()[kind, name]["spec"]
    selector = spec.get("selector") or spec["podSelector"]
    labels = manifests()["Deployment", name]["spec"]["template"]["metadata"]["labels"]
    assert selector["matchLabels"].items() <= labels.items()
    for rule in spec.get("ingress", ()):
        assert {port["port"] for port in rule["ports"]} <= set(ports_of(name))


def test_a_worker_is_reached_by_who_measures_it_alone() -> None:
    (rule,) = manifests()["NetworkPolicy", WORKER]["spec"]["ingress"]
    assert len(rule["from"]) == 1
    assert [port["port"] for port in rule["ports"]] == ["health"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_no_secret_is_among_the_settings(name: str) -> None:
    settings = manifests()["ConfigMap", "greenroom-settings"]["data"]
    plain = {*settings, *(variable["name"] for variable in container_of(name)["env"])}
    assert not [each for each in plain if re.search("SECRET|PASSWORD|KEY|DATABASE|REDIS", each)]
