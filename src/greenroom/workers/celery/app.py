"""The Celery application of servers and workers: one queue, one task, JSON, no results.

Settings are Celery's own; see https://docs.celeryq.dev/en/stable/userguide/configuration.html.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection

from greenroom.errors import ConfigurationError
from greenroom.settings import Settings

RUN_AGENT = "greenroom.run_agent"
"""The task `(session_id: str, attempt: int)`: take the session's lease and run its agent."""

ANSWER_TIMEOUT = 1.5
"""Seconds for the broker to accept a connection, and to answer a command."""

_VISIBILITY_TIMEOUT = 10
"""Seconds after which a message that was taken and not acknowledged goes back into the queue.

Tasks are acknowledged as they begin, so that only a worker that was killed in just that moment
leaves one; it is dropped when it comes back, since it has expired.
"""
_RETRY_AFTER, _RETRY_AT_MOST = 1, 2
"""Seconds before a worker tries again to reach a broker that is away, first and at most."""


class BrokerConnection(Connection):
    """Comes back soon after the broker does: Celery itself waits up to half a minute."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Return when connected, as kombu does."""
        intervals = {"interval_start": _RETRY_AFTER, "interval_max": _RETRY_AT_MOST}
        # kombu's signature has no types.
        return super().ensure_connection(*args, **{**intervals, **options})  # type: ignore[no-untyped-call]


class BrokerProtocol(AMQP):  # type: ignore[misc] # nor has Celery
    """Celery's, with our connections."""

    Connection = BrokerConnection


def make_celery_app(settings: Settings) -> Celery:
    """The application. It connects when it is first used.

    Raises ConfigurationError where `celery_broker_url` is missing or of a kind that isn't known.
    """
    if settings.celery_broker_url is None:
        raise ConfigurationError("celery_broker_url", "no broker is set, such as redis://host:6379")
    url = settings.celery_broker_url.get_secret_value()
    app = Celery("greenroom", amqp=BrokerProtocol, set_as_current=False, fixups=[])
    app.conf.update(
        # Both, since Celery prefers a variable of the environment to a mere broker_url.
        broker_read_url=url,
        broker_write_url=url,
        broker_connection_timeout=ANSWER_TIMEOUT,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_acquire_timeout=ANSWER_TIMEOUT,
        broker_transport_options={
            "socket_connect_timeout": ANSWER_TIMEOUT,
            "socket_timeout": ANSWER_TIMEOUT,
            "max_retries": 0,
            "visibility_timeout": _VISIBILITY_TIMEOUT,
            "unacked_restore_throttle": 1,
        },
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_default_queue=settings.workers.queue,
        task_publish_retry=False,
        # A task that a killed worker had is sent again by supervision, which knows that it was.
        task_acks_late=False,
        # Monitors see a task from when it is sent for.
        task_send_sent_event=True,
        worker_send_task_events=True,
        # A task waits in the queue, for whichever worker is free first.
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,  # of late acknowledgement: none
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    try:
        app.connection_for_write().get_transport_cls()
    except (ImportError, KeyError, ValueError) as error:
        raise ConfigurationError(
            "celery_broker_url", "is no broker that is known here; for example redis://host:6379/1"
        ) from error
    return app


def task_id(session_id: str, attempt: int) -> str:
    """The name of a session's task, by which monitors know it and servers revoke it."""
    return f"{session_id}-{attempt}"
