"""How hypothesis works in all tests: by what comes out, not by how quick this machine is.

Forty examples each keep the whole suite within its eight minutes on two cores;
`HYPOTHESIS_PROFILE=thorough` draws ten times as many.
"""

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow]
settings.register_profile("greenroom", deadline=None, max_examples=40, suppress_health_check=_SLOW)
settings.register_profile("thorough", deadline=None, max_examples=400, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "greenroom"))
