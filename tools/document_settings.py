"""Writes docs/configuration.md from the settings tree: `python tools/document_settings.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from greenroom.settings import Settings

TARGET = Path(__file__).parent.parent / "docs" / "configuration.md"

HEAD = """# Settings

Made from the settings tree by `python tools/document_settings.py`.

Strongest first: the command line, environment variables, the file `greenroom.toml` in the working
directory (a group is a table: `[server]`), defaults. Durations ending in `_ms` are milliseconds,
others seconds. Secrets are never logged. `greenroom serve` and `greenroom worker` read the same
settings; [deployment.md](deployment.md) says which parts must agree on which.
"""


def render() -> str:
    """The page."""
    lines = [HEAD]
    lines += _table("Top level", Settings, "GREENROOM_")
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            title = f"`{name}`: {(group.__doc__ or '').splitlines()[0].rstrip('.')}"
            lines += _table(title, group, f"GREENROOM_{name.upper()}__")
    return "\n".join(lines) + "\n"


def _table(title: str, model: type[BaseModel], prefix: str) -> list[str]:
    rows = [
        f"| {_names(name, field, prefix)} | {_default(field)} | {field.description or ''} |"
        for name, field in model.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]
    return [f"## {title}", "", "| variable | default | what for |", "|---|---|---|", *rows, ""]


def _names(name: str, field: FieldInfo, prefix: str) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return " or ".join(f"`{choice}`" for choice in alias.choices)
    return f"`{prefix}{name.upper()}`"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "the user's data folder"
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ", ".join(value)
    return "" if value in (None, "", {}) else f"`{value}`"


if __name__ == "__main__":
    TARGET.write_text(render())
