"""Scripted providers, clocks and outputs: for tests and benches, ours and our users'."""

from greenroom.testing.clock import ManualClock
from greenroom.testing.output import RecordingOutput
from greenroom.testing.providers import ScriptedAgent, ScriptedSynthesizer, ScriptedTranscriber
from greenroom.testing.voice import EnergyVoiceActivity

__all__ = [
    "EnergyVoiceActivity",
    "ManualClock",
    "RecordingOutput",
    "ScriptedAgent",
    "ScriptedSynthesizer",
    "ScriptedTranscriber",
]
