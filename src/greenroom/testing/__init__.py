"""Scripted providers, clocks and outputs: for tests and benches, ours and our users'."""

from greenroom.testing.clock import ManualClock
from greenroom.testing.output import RecordingOutput
from greenroom.testing.providers import ScriptedAgent, ScriptedSynthesizer, ScriptedTranscriber
from greenroom.testing.room import ScriptedRoom
from greenroom.testing.rooms import ScriptedRooms
from greenroom.testing.tracks import ScriptedAudioTrack, ScriptedVideoTrack
from greenroom.testing.voice import EnergyVoiceActivity

__all__ = [
    "EnergyVoiceActivity",
    "ManualClock",
    "RecordingOutput",
    "ScriptedAgent",
    "ScriptedAudioTrack",
    "ScriptedRoom",
    "ScriptedRooms",
    "ScriptedSynthesizer",
    "ScriptedTranscriber",
    "ScriptedVideoTrack",
]
