"""How hypothesis works in all tests: by what comes out, not by how quick this machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("greenroom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("greenroom")
