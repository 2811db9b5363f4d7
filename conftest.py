"""What holds for all tests: how hypothesis works, and what is made once.

Hypothesis judges by what comes out, not by how quick this machine is. Forty examples each keep the
whole suite within its eight minutes on two cores; `HYPOTHESIS_PROFILE=thorough` draws ten times as
many.
"""

import functools
import os
from collections.abc import Iterator

import pytest
from httpx._transports import default as transports
from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow]
settings.register_profile("greenroom", deadline=None, max_examples=40, suppress_health_check=_SLOW)
settings.register_profile("thorough", deadline=None, max_examples=400, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "greenroom"))


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Each of a thousand HTTP clients would read all authorities' certificates: 25 ms of a core."""
    with pytest.MonkeyPatch.context() as patch:
        cached = functools.cache(transports.create_ssl_context)
        patch.setattr(transports, "create_ssl_context", cached)
        yield
