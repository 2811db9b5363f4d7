"""Agents on Celery workers: Celery's own app, queue, control and events, with nothing between."""
