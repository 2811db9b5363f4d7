"""Agora's SDK as its source package has it: read, never imported."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "agora-python-server-sdk"


@dataclass
class Class:
    """A class: its methods' parameters, and its fields or members, each with a default or None."""

    methods: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    fields: dict[str, str | None] = field(default_factory=dict)


def download(folder: Path) -> Path:
    """The source package, from the package registry. Fails the test where it can't be had."""
    command = [
        sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
        "--no-build-isolation", "--no-binary", ":all:", "-d", str(folder), f"{PACKAGE}>=2.4,<2.5",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    archives = list(folder.glob("agora*.tar.gz"))
    assert archives, f"{PACKAGE} can't be had from the package registry:\n{done.stderr}"
    return archives[0]


def classes_in(source: str) -> dict[str, Class]:
    """A module's classes, by name. Where a class has a method twice, the last counts."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {node.name: _class(node) for node in nodes}


def modules_of(archive: Path) -> dict[str, dict[str, Class]]:
    """The classes of the SDK's `agora.rtc`, without its inner packages, by the file's name."""
    found: dict[str, dict[str, Class]] = {}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            path = Path(member.name)
            if path.suffix == ".py" and path.parts[1:-1] == ("agora", "rtc"):
                file = tar.extractfile(member)
                assert file is not None
                found[path.name] = classes_in(file.read().decode())
    return found


def _class(node: ast.ClassDef) -> Class:
    result = Class()
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            result.methods[part.name] = _parameters(part.args)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            result.fields[part.target.id] = ast.unparse(part.value) if part.value else None
        elif isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            result.fields[part.targets[0].id] = ast.unparse(part.value)
    return result


def _parameters(arguments: ast.arguments) -> list[tuple[str, str | None]]:
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    defaults = [ast.unparse(default) for default in arguments.defaults]
    padded = [None] * (len(names) - len(defaults)) + defaults
    parameters = list(zip(names, padded, strict=True))
    return parameters + ([(f"*{arguments.vararg.arg}", None)] if arguments.vararg else [])
