"""Fixtures for all floors."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.rooms.livekit.native import end_native_client

SLOW = ("tests/test_documents.py", "tests/app/", "tests/rooms/embedded/test_browser", "sdk/python/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for real servers and real time comes first, so that no core idles at the end."""
    root = Path(__file__).parent.parent
    items.sort(key=lambda item: not str(item.path.relative_to(root)).startswith(SLOW))


def pytest_sessionfinish() -> None:
    """LiveKit's native client has threads that must not call into an interpreter that ends."""
    end_native_client()


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
