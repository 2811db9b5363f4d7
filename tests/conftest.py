"""Fixtures for all floors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def pytest_sessionfinish() -> None:
    """LiveKit's native client has threads that must not call into an interpreter that ends."""
    ffi = sys.modules.get("livekit.rtc._ffi_client")
    if ffi is not None and ffi.FfiClient._instance is not None:
        ffi.FfiClient._instance._dispose()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests don't depend on this machine's environment or proxies."""
    import os

    for name in list(os.environ):
        if name.startswith("GREENROOM_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("TEST_API_KEY", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
