"""What is in `deploy/`, read as the tools read it, and which variables Greenroom knows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml
from pydantic import AliasChoices, BaseModel

from greenroom.settings import Settings
from support.documents import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"

PROVIDER_KEYS = frozenset({"OPENAI_API_KEY"})
"""Read by providers, by their conventional names."""


@cache
def known_variables() -> frozenset[str]:
    """Every variable that the settings tree reads."""
    return frozenset((*_variables(Settings, "GREENROOM_"), *PROVIDER_KEYS))


def _variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            yield from _variables(group, f"{prefix}{name.upper()}__")
        elif isinstance(field.validation_alias, AliasChoices):
            yield from map(str, field.validation_alias.choices)
        else:
            yield f"{prefix}{name.upper()}"


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a YAML file below `deploy/`."""
    return [each for each in yaml.safe_load_all((DEPLOY / name).read_text()) if each]


@cache
def manifests() -> dict[tuple[str, str], dict[str, Any]]:
    """What `kubectl apply -k` would apply, by kind and name."""
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    found = [
        document
        for resource in kustomization["resources"]
        for document in documents(f"kubernetes/{resource}")
    ]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def seconds(duration: str) -> float:
    """Of a duration as Compose writes it: `45s`, `1m30s`."""
    total, number = 0.0, ""
    for character in duration:
        if character.isdigit():
            number += character
        else:
            total += float(number) * {"s": 1, "m": 60, "h": 3600}[character]
            number = ""
    return total
