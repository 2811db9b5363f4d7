"""The lip reader: one stream of sound to the mouth of each picture."""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LOOK_AHEAD
from greenroom.avatar.lipsync.ear import Ear, Heard
from greenroom.avatar.lipsync.mouth import Mouth
from greenroom.avatar.lipsync.network import AFTER, BEFORE, CONTEXT, Network, inputs, shipped
from greenroom.avatar.lipsync.sound import RecentSound
from greenroom.avatar.lipsync.spectrum import HOP, LEAD
from greenroom.avatar.visemes import Weights, at_rest

_BATCH = 200
"""Hops that are computed at once, at most: pictures that were left out are caught up with."""
_REST = at_rest()


class LipSync:
    """An `avatar.ports.LipReader`. Does no I/O; keeps the sound that its next picture needs.

    Time is cut into hops of 10 ms from sample 0. The shape of a hop is judged from the sound
    between 87 ms before and 57.5 ms after it (AFTER * HOP + LEAD samples, within LOOK_AHEAD), by
    the level of the voice so far, and moved to by the mouth's inertia. How the sound was cut into
    pushes makes no difference. Used by one thread at a time.
    """

    def __init__(self, network: Network | None = None) -> None:
        self._network = network or shipped()
        self._ear = Ear()
        self._mouth = Mouth()
        self._sound = RecentSound()
        self._cut_at: int | None = None
        self._hop = 0
        """The next hop: the first whose shape was not judged."""
        self._heard = Heard.nothing(BEFORE)
        """Frames from BEFORE frames before the next hop on."""

    def push(self, pcm: Pcm) -> None:
        """The next samples, at LIP_SYNC_RATE.

        They follow what was pushed before or, where `weights` wanted more than that, the silence
        that it took instead.
        """
        self._sound.push(pcm)

    def cut(self, at: int) -> None:
        """What was pushed, or taken for silence, from sample `at` on is not heard after all.

        What is pushed next begins there. The mouth is shut in the first picture that reaches
        beyond `at`.
        """
        self._sound.cut(at)
        self._cut_at = at if self._cut_at is None else min(at, self._cut_at)

    def weights(self, start: int, end: int) -> Weights:
        """The mouth while samples `start` to `end` are heard. Calls go forward in time.

        Uses what was pushed up to `end` and LOOK_AHEAD beyond; what was not pushed by then is
        silence for good. What is pushed further ahead is kept until its time comes. A picture
        that is shorter than a hop may show the mouth of the last one.
        """
        if self._cut_at is not None and end > self._cut_at:
            self._shut(self._cut_at)
        self._sound.extend_to(end + LOOK_AHEAD)
        last = end // HOP
        # Time that no picture was asked for passes too, but a picture shows its own hops only.
        while self._hop < min(last, start // HOP):
            self._go_on(min(last, start // HOP, self._hop + _BATCH))
        weights = self._go_on(last) if last > self._hop else self._mouth.shape
        self._sound.drop_before((self._hop + AFTER) * HOP - LEAD)
        return weights

    def _go_on(self, last: int) -> Weights:
        """Judge the hops from the next one to `last`, which becomes the next: their picture."""
        n = last - self._hop
        first = self._hop + len(self._heard.sounds) - BEFORE
        sound = self._sound.read(first * HOP - LEAD, (last + AFTER) * HOP + LEAD)
        heard = self._heard + self._ear.listen(sound)
        self._heard = heard.since(n)
        self._hop = last
        if not any(heard.sounds):
            return self._mouth.close(n)
        voice = np.array(heard.voice[CONTEXT - 1 :], np.float32)
        shapes = self._network(inputs(heard.levels, voice))
        for i in range(n):
            if not any(heard.sounds[i : i + CONTEXT]):
                shapes[i] = _REST
        return self._mouth.move(shapes)

    def _shut(self, at: int) -> None:
        """The mouth is shut at sample `at`, as if nothing before it had been heard."""
        self._cut_at = None
        self._sound.drop_before(at)
        self._mouth.shut()
        self._hop = -(-at // HOP)
        self._heard = Heard.nothing(BEFORE)
