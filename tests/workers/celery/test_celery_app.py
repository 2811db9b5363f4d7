from __future__ import annotations

import pytest

from greenroom.errors import ConfigurationError
from greenroom.settings import Settings
from greenroom.workers.celery.app import make_celery_app, task_id


def test_the_setting_counts_whatever_celery_finds_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere:1/1")
    app = make_celery_app(Settings(celery_broker_url="redis://:secret@here:2/3"))
    for connection in (app.connection_for_read(), app.connection_for_write()):
        assert connection.as_uri() == "redis://:**@here:2/3"


@pytest.mark.parametrize("url", [None, "carrier-pigeon://here"])
def test_a_broker_that_is_none_is_refused(url: str | None) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make_celery_app(Settings(celery_broker_url=url))
    assert refused.value.setting == "celery_broker_url"


def test_tasks_are_named_by_session_and_attempt() -> None:
    assert task_id("session_1_ab", 2) == "session_1_ab-2"
