"""What a face costs: by quality and codec, in real time on renderer processes, and as a clip.

    .venv/bin/python bench/avatar.py --quick     medium only, 10 s each: about a minute
    .venv/bin/python bench/avatar.py --full      every quality and codec, 30 s each: some minutes
    .venv/bin/python bench/avatar.py --only pool --n 30 --codec H264

`face`   one face in this process, its pictures as fast as they can be made: CPU ms per picture for
         lip sync (with movement), drawing, conversion and encoding, and how many such sessions one
         core could serve in real time. While it speaks (real speech of espeak-ng, no pauses), and
         silent.
`whole`  for comparison, what one would write first: the same poses by the same puppet, but every
         picture drawn, converted and encoded whole, by x264 `ultrafast`
`clip`   `greenroom avatar` as a process of its own: times faster than it plays, its start included
`pool`   N faces on renderer processes in real time: each picture is asked for when it is due. It is
         late where it took more than the time of one picture, and lost where it never came.

Each result is one line of JSON. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

import harness as h
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.audio.resample import resample
from greenroom.audio.wave_file import write_wav
from greenroom.avatar.face import CompleteFace, open_face
from greenroom.avatar.formats import FORMATS, LIP_SYNC_RATE, LOOK_AHEAD, Quality, VideoCodec
from greenroom.avatar.lipsync.reader import LipSync
from greenroom.avatar.motion.loudness import loudness
from greenroom.avatar.motion.motion import Motion
from greenroom.avatar.packs.library import AvatarLibrary
from greenroom.avatar.packs.pack import load_pack
from greenroom.avatar.ports import PIXEL_FORMAT, EncodedPicture, FaceSettings, FrameRequest
from greenroom.avatar.puppet.puppet import SkiaPuppet
from greenroom.avatar.renderer import HelperRenderers
from greenroom.speech.espeak import EspeakSynthesizer
from processes import TICKS

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

QUALITIES: tuple[Quality, ...] = ("low", "medium", "high")
CODECS: tuple[VideoCodec, ...] = ("H264", "VP8", "AV1")
WARM_UP_S = 2.0
AFTERWARDS_S = 3.0
"""What has not come by then is lost."""
TEXT = (
    "Good morning, and welcome. I have looked at everything that you asked for, and there is one "
    "thing that I really want you to see: the blue jacket, which is made of wool and very warm. "
    "It costs forty nine dollars, and it will be at your door by Friday. Shall I put it in your "
    "cart, or would you like to look at the red one first? People love it. Take all the time that "
    "you need, and ask me whatever you like. "
)


async def say(text: str) -> Pcm:
    """Real speech at LIP_SYNC_RATE."""
    synthesizer = EspeakSynthesizer("espeak:")
    try:
        parts = [chunk.pcm async for chunk in synthesizer.speak(text, "Ashley")]
    finally:
        await synthesizer.close()
    return resample(np.concatenate(parts), synthesizer.rate, LIP_SYNC_RATE)


def requests(settings: FaceSettings, speech: Pcm | None) -> Iterator[FrameRequest]:
    """Endless pictures of a face that says `speech` again and again, or nothing."""
    samples = settings.format.samples
    known = 0
    for k in itertools.count():
        at, reach = k * samples, (k + 1) * samples + LOOK_AHEAD
        pcm = EMPTY
        if speech is not None:
            pcm = np.take(speech, np.arange(known, reach), mode="wrap")
        known = reach
        activity = "idle" if speech is None else "speaking"
        yield FrameRequest(at, samples, pcm, activity=activity, keyframe=k == 0)


def face(settings: FaceSettings, speech: Pcm | None, seconds: float) -> dict[str, Any]:
    """CPU of one face's pictures, after WARM_UP_S of them."""
    rate = settings.format.rate
    subject = open_face(settings)
    asked = requests(settings, speech)
    for request in itertools.islice(asked, round(WARM_UP_S * rate)):
        subject.frame(request)
    count = round(seconds * rate)
    before, began = _costs(subject), time.process_time()
    slowest = 0.0
    size = 0
    for request in itertools.islice(asked, count):
        start = time.process_time()
        size += len(subject.frame(request).data)
        slowest = max(slowest, time.process_time() - start)
    cpu = time.process_time() - began
    parts = [after - b for after, b in zip(_costs(subject), before, strict=True)]
    subject.close()
    names = ("lip_sync", "drawing", "conversion", "encoding")
    return {
        "pictures": count,
        "cpu_ms_per_picture": _ms(cpu / count),
        **{f"{n}_ms": _ms(part / count) for n, part in zip(names, parts, strict=True)},
        "slowest_ms": _ms(slowest),
        "sessions_per_core": round(count / rate / cpu, 1),
        "kbit_s": round(8 * size / seconds / 1000),
    }


def whole(settings: FaceSettings, speech: Pcm | None, seconds: float) -> dict[str, Any]:
    """CPU of pictures that are made whole each time; H264 whatever the settings say."""
    size = settings.format
    lips, motion = LipSync(), Motion(settings.seed)
    puppet = SkiaPuppet(load_pack(Path(settings.avatar)), size.width, size.height)
    encoder = cast("VideoCodecContext", av.CodecContext.create("libx264", "w"))
    encoder.width, encoder.height, encoder.pix_fmt = size.width, size.height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, size.rate), Fraction(size.rate)
    encoder.bit_rate, encoder.thread_count = size.bitrate, 1
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    count, before = round(seconds * size.rate), round(WARM_UP_S * size.rate)
    coded = 0
    for k, request in enumerate(itertools.islice(requests(settings, speech), before + count)):
        if k == before:
            began, coded = time.process_time(), 0
        lips.push(request.pcm)
        weights = lips.weights(request.at, request.at + request.samples)
        level = loudness(request.pcm)
        pose = motion.step(1 / size.rate, weights, level, request.activity, request.gestures)
        puppet._everything = (0, 0, size.width, size.height)  # noqa: SLF001 - as if all had changed
        puppet.draw(pose)
        frame = av.VideoFrame.from_ndarray(puppet.pixels, format=PIXEL_FORMAT)
        frame = frame.reformat(format="yuv420p")
        frame.pts = k
        coded += sum(packet.size for packet in encoder.encode(frame))
    cpu = time.process_time() - began
    return {
        "pictures": count,
        "cpu_ms_per_picture": _ms(cpu / count),
        "sessions_per_core": round(count / size.rate / cpu, 1),
        "kbit_s": round(8 * coded / seconds / 1000),
    }


def clip(settings: FaceSettings, quality: Quality, speech: Pcm, seconds: float) -> dict[str, Any]:
    """`greenroom avatar` on `seconds` of speech."""
    with tempfile.TemporaryDirectory() as folder:
        wav, out = Path(folder, "speech.wav"), Path(folder, "clip.mkv")
        sound = np.take(speech, np.arange(round(seconds * LIP_SYNC_RATE)), mode="wrap")
        write_wav(wav, sound, LIP_SYNC_RATE)
        command = [
            *(sys.executable, "-c", "from greenroom.cli import main; main()", "avatar", str(wav)),
            *("--avatar", Path(settings.avatar).name, "--out", str(out), "--quality", quality),
            *("--codec", settings.codec),
        ]
        began, cpu = time.perf_counter(), _cpu_of_children()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took, cpu = time.perf_counter() - began, _cpu_of_children() - cpu
    return {
        "seconds": seconds,
        "took_s": round(took, 2),
        "cpu_s": round(cpu, 2),
        "times_real_time": round(seconds / took, 1),
    }


class Viewer:
    """Asks one remote face for its pictures when they are due, and notes when they come."""

    def __init__(self, settings: FaceSettings, speech: Pcm | None) -> None:
        self._picture = settings.format
        self._requests = requests(settings, speech)
        self._due: dict[int, float] = {}
        self.delays: list[float] = []
        self.failure = ""

    async def open(self, renderers: HelperRenderers, settings: FaceSettings) -> None:
        self._face = await renderers.open(settings, self)

    def start(self, at: float, seconds: float) -> None:
        self._began, self._left = at, round(seconds * self._picture.rate)
        self._asked = 0
        asyncio.get_running_loop().call_at(at, self._ask)

    def close(self) -> None:
        self._face.close()

    @property
    def lost(self) -> int:
        return len(self._due)

    def on_picture(self, request: FrameRequest, _picture: EncodedPicture) -> None:
        due = self._due.pop(request.at)
        self.delays.append(asyncio.get_running_loop().time() - due)

    def on_failure(self, why: str) -> None:
        self.failure = why

    def _ask(self) -> None:
        due = self._began + self._asked / self._picture.rate
        request = next(self._requests)
        self._due[request.at] = due
        self._face.ask(request)
        self._asked += 1
        if self._asked < self._left:
            asyncio.get_running_loop().call_at(due + 1 / self._picture.rate, self._ask)


async def pool(
    settings: Sequence[FaceSettings], speech: Pcm | None, processes: int, seconds: float
) -> dict[str, Any]:
    """Faces in real time, their pictures spread over the time of one."""
    n, rate = len(settings), settings[0].format.rate
    renderers = HelperRenderers(processes, -(-n // processes))
    await renderers.start()
    viewers = [Viewer(one, speech) for one in settings]
    try:
        for viewer, one in zip(viewers, settings, strict=True):
            await viewer.open(renderers, one)
        at = asyncio.get_running_loop().time() + 0.2
        for k, viewer in enumerate(viewers):
            viewer.start(at + k / n / rate, WARM_UP_S + seconds)
        await asyncio.sleep(WARM_UP_S)
        for viewer in viewers:
            viewer.delays.clear()
        cpu, own = _cpu(renderers.pids), h.cpu_seconds()
        await asyncio.sleep(seconds)
        cpu, own = _cpu(renderers.pids) - cpu, h.cpu_seconds() - own
        await asyncio.sleep(AFTERWARDS_S)
    finally:
        for viewer in viewers:
            viewer.close()
        await renderers.close()
    delays = [delay for viewer in viewers for delay in viewer.delays]
    return {
        "n": n,
        "processes": processes,
        "seconds": seconds,
        "pictures": len(delays),
        "delay": h.stats_ms(delays),
        "late": sum(delay > 1 / rate for delay in delays),
        "lost": sum(viewer.lost for viewer in viewers),
        "failures": [viewer.failure for viewer in viewers if viewer.failure],
        "renderer_cores": round(cpu / seconds, 2),
        "server_cores": round(own / seconds, 3),
    }


def _costs(subject: CompleteFace) -> tuple[float, float, float, float]:
    costs = subject.costs
    return costs.lip_sync, costs.drawing, costs.conversion, costs.encoding


def _cpu(pids: Sequence[int]) -> float:
    """User and system time of processes, in seconds."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def _cpu_of_children() -> float:
    """Of those that have ended, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


def emit(bench: str, result: dict[str, Any], **what: Any) -> None:
    row = {"system": "greenroom", "bench": bench, "args": what}
    print(json.dumps({**row, "machine": h.machine(), "result": result}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="medium, 10 s each (the default)")
    length.add_argument("--full", action="store_true", help="everything, 30 s each")
    parser.add_argument("--only", help="of face,whole,clip,pool: these, with commas")
    parser.add_argument("--avatar", help="an avatar's id; default: the first")
    parser.add_argument("--quality", choices=QUALITIES, help="only this one")
    parser.add_argument("--codec", choices=CODECS, help="only this one")
    parser.add_argument("--n", type=int, default=20, help="pool: faces")
    parser.add_argument("--processes", type=int, default=2, help="pool: renderer processes")
    a = parser.parse_args()
    measures = a.only.split(",") if a.only else ["face", "whole", "clip", "pool"]
    seconds = 30.0 if a.full else 10.0
    qualities = [a.quality] if a.quality else QUALITIES if a.full else ["medium"]
    codecs = [a.codec] if a.codec else CODECS
    library = AvatarLibrary()
    folder = str(library.find(a.avatar or library.ids()[0]))
    speech = asyncio.run(say(TEXT))
    sounds = (("speaking", speech), ("silent", None))
    for quality, codec in itertools.product(qualities, codecs):
        settings = FaceSettings(folder, FORMATS[quality], codec, seed=1)
        about = {"avatar": Path(folder).name, "quality": quality, "codec": codec}
        if "face" in measures:
            for state, sound in sounds:
                emit("avatar-face", face(settings, sound, seconds), **about, state=state)
        if "whole" in measures and codec == "H264":
            for state, sound in sounds:
                emit("avatar-whole", whole(settings, sound, seconds), **about, state=state)
        if "clip" in measures:
            emit("avatar-clip", clip(settings, quality, speech, 2 * seconds), **about)
    if "pool" in measures:
        quality, codec = a.quality or "medium", a.codec or "H264"
        each = [FaceSettings(folder, FORMATS[quality], codec, seed=k) for k in range(a.n)]
        about = {"avatar": Path(folder).name, "quality": quality, "codec": codec}
        for state, sound in sounds:
            result = asyncio.run(pool(each, sound, a.processes, seconds))
            emit("avatar-pool", result, **about, state=state)


if __name__ == "__main__":
    main()
