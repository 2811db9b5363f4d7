"""`greenroom doctor` shows its findings as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from greenroom.app import doctor
from greenroom.app.doctor import Finding, Verdict
from greenroom.cli import app
from greenroom.settings import Settings


def test_an_extra_in_brackets_is_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine(settings: Settings) -> list[Finding]:
        advice = "pip install 'greenroom[whisper]'"
        return [Finding("hears", Verdict.COULD_BE_BETTER, "pocketsphinx:", advice)]

    monkeypatch.setattr(doctor, "examine", examine)
    said = CliRunner().invoke(app, ["doctor", "--data-dir", str(tmp_path)])
    assert said.exit_code == 0
    assert "pip install 'greenroom[whisper]'" in said.output
