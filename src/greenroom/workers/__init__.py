"""Where an agent runs: in the server, or on a Celery worker."""
