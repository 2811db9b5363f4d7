"""`greenroom avatar`: a sound file to a clip of an avatar that says it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.avatar.formats import Quality, VideoCodec
from greenroom.cli.options import DataDir, load_settings
from greenroom.errors import InvalidInput

if TYPE_CHECKING:
    from rich.progress import Progress

    from greenroom.audio.pcm import Pcm
    from greenroom.avatar.ports import FaceSettings


def avatar(
    speech: Annotated[Path, typer.Argument(help="A sound file: WAV, MP3, Ogg, FLAC ...")],
    out: Annotated[Path, typer.Option(help="The clip: .mp4, .webm or .mkv.")],
    avatar: Annotated[
        str | None,
        typer.Option(help="Who says it; default: the first that there is.", show_default=False),
    ] = None,
    quality: Annotated[Quality, typer.Option(help="Size, pictures a second and bit rate.")] = (
        "medium"
    ),
    codec: Annotated[
        VideoCodec | None,
        typer.Option(help="Default: H264, and VP8 in .webm.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Those of one seed move alike.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a clip that is there.")] = False,
    progress: Annotated[bool, typer.Option(help="Show a bar on a terminal.")] = True,
    data_dir: DataDir = None,
) -> None:
    """Have an avatar say a sound file, faster than real time, and write that as a video.

    Sound and picture are in step to the sample; half a second is added before and after.
    """
    from greenroom.avatar.clip.clip_file import codec_for
    from greenroom.avatar.formats import FORMATS
    from greenroom.avatar.packs.library import AvatarLibrary
    from greenroom.avatar.ports import FaceSettings

    chosen = codec_for(out, codec)
    if out.exists() and not force:
        raise InvalidInput("out", f"{out} is there already", "another name, or --force")
    settings = load_settings(data_dir=data_dir)
    library = AvatarLibrary.of(settings)
    folder = library.find(avatar if avatar is not None else library.ids()[0])
    face = FaceSettings(str(folder), FORMATS[quality], chosen, seed)
    began = time.perf_counter()
    seconds = _make(_sound_of(speech), face, out, show=progress)
    took = time.perf_counter() - began
    print(
        f"{out}: {seconds:.1f} s, {face.format.width} x {face.format.height}, {chosen}, "
        f"{out.stat().st_size / 1e6:.1f} MB; made in {took:.1f} s, "
        f"{seconds / took:.1f} times as fast as it plays"
    )


def _sound_of(speech: Path) -> Pcm:
    import av

    from greenroom.audio.wave_file import read_audio
    from greenroom.avatar.clip.clip_file import SOUND_RATE

    try:
        sound = read_audio(speech, SOUND_RATE)
    except OSError as error:
        raise InvalidInput("speech", f"can't read {speech}: {error.strerror}") from error
    except (ValueError, av.FFmpegError) as error:
        raise InvalidInput("speech", f"{speech} is no sound file") from error
    if not len(sound):
        raise InvalidInput("speech", f"{speech} holds no sound")
    return sound


def _make(sound: Pcm, settings: FaceSettings, out: Path, *, show: bool) -> float:
    """Write the clip; return how many seconds it lasts."""
    from greenroom.avatar.clip.clip_file import clip_file
    from greenroom.avatar.clip.rendering import render
    from greenroom.avatar.render_helper import warm

    picture = settings.format
    open_face = warm()
    face = open_face(settings)
    try:
        with clip_file(out, settings.codec, picture) as clip, _bar(show=show) as bar:
            task = bar.add_task(out.name, total=0.0)

            def on_picture(done: int, total: int) -> None:
                bar.update(task, completed=done / picture.rate, total=total / picture.rate)

            return render(sound, face, picture, clip, on_picture) / picture.rate
    finally:
        face.close()


def _bar(*, show: bool) -> Progress:
    """Seconds of the clip that are made, on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
        TimeRemainingColumn(),
        console=console,
        disable=not (show and console.is_terminal),
    )
