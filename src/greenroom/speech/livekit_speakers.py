"""The objects of a LiveKit plugin that speak: one for each voice."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenroom.speech.livekit_plugins import LiveKitPlugin

if TYPE_CHECKING:
    from livekit.agents.tts import TTS

_MAX_SPEAKERS = 12
"""Voices whose connections are kept."""


@dataclass(slots=True, eq=False)
class Speaker:
    """The plugin's object for one voice."""

    voice: str
    tts: TTS[Any]
    users: int = 0
    used: bool = False
    """Whether it may have a connection that is kept."""
    dropped: bool = False
    """Not for another utterance."""
    closed: bool = False


class Speakers:
    """Objects by voice: some vendors fix the voice when they connect. The least used go first."""

    def __init__(self, plugin: LiveKitPlugin) -> None:
        self._plugin = plugin
        self._kept: OrderedDict[str, Speaker] = OrderedDict()
        self.parameter: str | None = None
        """Of the constructor, for the voice."""

    def borrow(self, voice: str) -> Speaker:
        """Raises ProviderUnavailable."""
        speaker = self._kept.get(voice)
        if speaker is None:
            arguments = dict(self._plugin.arguments)
            if voice and self.parameter:
                arguments[self.parameter] = voice
            speaker = self._kept[voice] = Speaker(voice, self._plugin.make(arguments))
        self._kept.move_to_end(voice)
        speaker.users += 1
        return speaker

    def give_back(self, speaker: Speaker) -> None:
        """Has spoken; what is now too many is closed."""
        speaker.users -= 1
        if speaker.dropped and not speaker.users:
            self._close(speaker)
        idle = [kept for kept in self._kept.values() if not kept.users]
        for kept in idle[: max(0, len(self._kept) - _MAX_SPEAKERS)]:
            del self._kept[kept.voice]
            self._close(kept)

    def drop(self, speaker: Speaker) -> None:
        """Not for another utterance; closed once nobody speaks with it."""
        if self._kept.get(speaker.voice) is speaker:
            del self._kept[speaker.voice]
            speaker.dropped = True

    def close(self) -> None:
        """Close all."""
        for speaker in self._kept.values():
            self._close(speaker)
        self._kept.clear()

    def _close(self, speaker: Speaker) -> None:
        if not speaker.closed:
            speaker.dropped = speaker.closed = True
            self._plugin.leaving.retire(speaker.tts.aclose())
