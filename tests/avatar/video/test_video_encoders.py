"""Pictures come back encoded at once, in every codec, as decoders and rooms want them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, get_args

import av
import numpy as np
import numpy.typing as npt
import pytest

from greenroom.avatar.formats import FORMATS, PictureFormat, VideoCodec
from greenroom.avatar.ports import EncodedPicture, Pixels
from greenroom.avatar.video.codec import Codec, CodecOptions
from greenroom.avatar.video.encoder import KEYFRAME_INTERVAL, VideoEncoder, open_encoder
from greenroom.avatar.video.h264 import h264_options
from greenroom.avatar.video.h264_repeats import RepeatedPictures
from greenroom.avatar.video.planes import MATRIX_BT601, Planes
from greenroom.errors import ProviderFailed
from greenroom.rooms.rtc.agent_media.h264 import nal_units
from greenroom.rooms.rtc.agent_media.picture_formats import picture_format
from greenroom.rooms.rtc.media import AV1, H264, VP8
from support.media import likeness

SMALL = PictureFormat(128, 96, 25, 300_000)
STEP = SMALL.samples
DECODERS = {"H264": "h264", "VP8": "vp8", "AV1": "libdav1d"}
CODECS: tuple[VideoCodec, ...] = get_args(VideoCodec)

Drawn = npt.NDArray[Any]


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> VideoCodec:
    name: VideoCodec = request.param
    return name


@pytest.fixture
def encoder(codec: VideoCodec) -> Iterator[VideoEncoder]:
    opened = open_encoder(codec, SMALL)
    yield opened
    opened.close()


def drawn(index: int, size: PictureFormat = SMALL) -> Pixels:
    """A disc that moves over a gradient."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width]
    pixels = np.zeros((size.height, size.width, 4), np.uint8)
    pixels[..., 0] = columns
    pixels[..., 1] = 90 + rows // 2
    pixels[..., 2] = 60
    disc = (columns - 30 - 2 * index) ** 2 + (rows - 40) ** 2 < 400
    pixels[disc] = (40, 120, 230, 0)
    return pixels


def noise(seed: int, size: PictureFormat = SMALL) -> Pixels:
    shape = (size.height, size.width, 4)
    pixels: Pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return pixels


class Screen:
    """Pixels into an encoder, picture after picture."""

    def __init__(self, encoder: VideoEncoder, size: PictureFormat = SMALL) -> None:
        self.encoder, self.size = encoder, size
        self.planes = Planes(size.width, size.height)
        self.shown: list[Drawn] = []
        """The luma of each picture."""
        self.encoded: list[EncodedPicture] = []

    def show(self, pixels: Pixels, at: int | None = None, **how: bool) -> EncodedPicture:
        self.planes.update(pixels, [(0, 0, self.size.width, self.size.height)])
        if at is None:
            at = len(self.encoded) * self.size.samples
        picture = self.encoder.encode(self.planes.frame, at, **how)
        self.shown.append(self.planes.frame.to_ndarray()[: self.size.height])
        self.encoded.append(picture)
        return picture


def decoded(codec: VideoCodec, pictures: Sequence[EncodedPicture]) -> list[av.VideoFrame]:
    """What a viewer sees, who gets one picture at a time: each must come out at once."""
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, av.video.codeccontext.VideoCodecContext)
    context.thread_count = 1
    frames = []
    for picture in pictures:
        (frame,) = context.decode(av.Packet(picture.data))
        frames.append(frame)
    return frames


def arrays(codec: VideoCodec, pictures: Sequence[EncodedPicture]) -> list[Drawn]:
    return [frame.to_ndarray() for frame in decoded(codec, pictures)]


def test_each_picture_comes_back_at_once_and_looks_as_it_was(
    codec: VideoCodec, encoder: VideoEncoder
) -> None:
    screen = Screen(encoder)
    for index in range(12):
        screen.show(drawn(index))

    assert [picture.keyframe for picture in screen.encoded] == [True] + [False] * 11
    for shown, frame in zip(screen.shown, decoded(codec, screen.encoded), strict=True):
        assert (frame.width, frame.height) == (128, 96)
        assert likeness(shown, frame.to_ndarray()[:96]) > 37


def test_a_keyframe_comes_in_the_very_picture_that_asks_for_it(
    codec: VideoCodec, encoder: VideoEncoder
) -> None:
    screen = Screen(encoder)
    for index in range(9):
        screen.show(drawn(index), keyframe=index in {3, 4, 7}, changed=index != 7)

    assert [n for n, p in enumerate(screen.encoded) if p.keyframe] == [0, 3, 4, 7]
    from_the_middle = decoded(codec, screen.encoded[7:])
    assert likeness(screen.shown[8], from_the_middle[1].to_ndarray()[:96]) > 37


def test_a_keyframe_comes_unasked_when_there_was_none_for_ten_seconds(
    codec: VideoCodec, encoder: VideoEncoder
) -> None:
    screen = Screen(encoder)
    screen.show(drawn(0), at=0)
    screen.show(drawn(1), at=STEP, keyframe=True)
    interval = KEYFRAME_INTERVAL
    keys = [
        screen.show(drawn(2), at=at, changed=False).keyframe
        for at in (interval, interval + STEP - 1, interval + STEP, interval + 2 * STEP)
    ]

    assert keys == [False, False, True, False]


def test_an_extra_picture_between_two_is_encoded_though_its_time_has_passed(
    codec: VideoCodec, encoder: VideoEncoder
) -> None:
    screen = Screen(encoder)
    for index, at in enumerate((0, STEP, 2 * STEP, STEP + 99, 3 * STEP)):
        screen.show(drawn(index), at=at)

    for shown, frame in zip(screen.shown, decoded(codec, screen.encoded), strict=True):
        assert likeness(shown, frame.to_ndarray()[:96]) > 37


def test_pictures_that_repeat_are_small_and_show_the_one_before(
    codec: VideoCodec, encoder: VideoEncoder
) -> None:
    screen = Screen(encoder)
    for index in range(4):
        screen.show(drawn(index))
    repeats = [screen.show(drawn(3), changed=False) for _ in range(20)]

    assert max(len(repeat.data) for repeat in repeats[1:]) < 60
    seen = arrays(codec, screen.encoded)
    for frame in seen[4:]:
        assert likeness(seen[3], frame) > (37 if codec == "AV1" else 1_000)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_after_repeats_the_stream_goes_on_as_if_there_had_been_none(
    codec: VideoCodec, count: int
) -> None:
    plain, repeating = (Screen(open_encoder(codec, SMALL)) for _ in range(2))
    for index in range(24):
        plain.show(drawn(index))
        repeating.show(drawn(index))
        if index % 9 == 4:
            for _ in range(count):
                repeating.show(drawn(index), at=index * STEP, changed=False)

    without = arrays(codec, plain.encoded)
    seen = arrays(codec, repeating.encoded)
    wanted = [frame for n, frame in enumerate(without) for _ in range(1 + count * (n % 9 == 4))]
    assert len(seen) == len(wanted)
    assert all(np.array_equal(a, b) for a, b in zip(seen, wanted, strict=True))


def test_a_frame_may_be_written_over_as_soon_as_it_was_encoded(codec: VideoCodec) -> None:
    careful, careless = (Screen(open_encoder(codec, SMALL)) for _ in range(2))
    for index in range(8):
        careful.planes = Planes(SMALL.width, SMALL.height)
        careful.show(drawn(index))
        careless.show(drawn(index))
        for plane in careless.planes.frame.planes:
            np.frombuffer(memoryview(plane), np.uint8)[:] = 77

    assert [p.data for p in careful.encoded] == [p.data for p in careless.encoded]


def test_pictures_pass_through_rtp_and_rooms_know_their_keyframes(
    codec: VideoCodec, encoder: VideoEncoder
) -> None:
    layout = picture_format({"H264": H264, "VP8": VP8, "AV1": AV1}[codec])
    screen = Screen(encoder)
    for index in range(6):
        screen.show(drawn(min(index, 3)), keyframe=index == 2, changed=index < 4)
    passed = []
    for index, picture in enumerate(screen.encoded):
        assert layout.is_keyframe(picture.data) == picture.keyframe
        back = layout.depacketize(layout.packetize(picture.data, index))
        assert back is not None
        passed.append(replace(picture, data=back))

    seen, direct = arrays(codec, passed), arrays(codec, screen.encoded)
    assert all(np.array_equal(a, b) for a, b in zip(seen, direct, strict=True))


@pytest.mark.parametrize("codec", ["H264", "AV1"])
def test_the_stream_says_which_colours_it_has(codec: VideoCodec, encoder: VideoEncoder) -> None:
    (frame,) = decoded(codec, [Screen(encoder).show(drawn(0))])

    assert (frame.colorspace, frame.color_range) == (MATRIX_BT601, 1)


def test_detail_beyond_the_bit_rate_is_coarsened_and_comes_back_later(codec: VideoCodec) -> None:
    screen = Screen(open_encoder(codec, SMALL))
    for index in range(100):
        screen.show(noise(index))
    steady = screen.encoded[60:]

    assert 2 <= sum(picture.keyframe for picture in screen.encoded) <= 3
    assert not any(picture.keyframe for picture in steady)
    rate = 8 * sum(len(picture.data) for picture in steady) / len(steady) * SMALL.rate
    assert rate < 1.3 * SMALL.bitrate
    for n in range(12):
        screen.show(drawn(0), at=100 * STEP + n * KEYFRAME_INTERVAL, keyframe=True)
    seen = [frame.to_ndarray()[:96] for frame in decoded(codec, screen.encoded)]
    assert likeness(screen.shown[100], seen[100]) + 3 < likeness(screen.shown[-1], seen[-1])


def test_h264_is_constrained_baseline_with_its_parameters_in_each_keyframe() -> None:
    screen = Screen(open_encoder("H264", SMALL))
    for index in range(4):
        screen.show(drawn(index), keyframe=index == 2)
    kinds = [[unit[0] & 31 for unit in nal_units(p.data)] for p in screen.encoded]

    assert [[kind for kind in picture if kind != 6] for picture in kinds] == [
        [7, 8, 5], [1], [7, 8, 5], [1],
    ]  # fmt: skip
    sequence_parameters = next(iter(nal_units(screen.encoded[0].data)))
    profile, constraints, level = sequence_parameters[1:4]
    # RFC 6184, 8.1, table 5: profile 66 with constraint_set1 is what 42e01f says, too.
    assert (profile, constraints & 0x40, level) == (66, 0x40, 31)


@pytest.mark.parametrize("quality", FORMATS)
def test_h264_repeats_at_every_size_that_is_offered(quality: Any) -> None:
    size = FORMATS[quality]
    screen = Screen(open_encoder("H264", size), size)
    screen.show(drawn(0, size))
    screen.show(drawn(0, size), changed=False)

    before, after = arrays("H264", screen.encoded)
    assert np.array_equal(before, after)


def test_all_numbers_of_repeated_pictures_stay_clear_of_start_codes() -> None:
    for size in FORMATS.values():
        pictures = RepeatedPictures(-(-size.width // 16) * -(-size.height // 16))
        for _ in range(16):
            assert b"\x00\x00" not in pictures.repeat()[4:]


def test_a_stream_that_x264_does_not_write_is_refused() -> None:
    pictures = RepeatedPictures(48)
    for keyframe in (True, False):
        with pytest.raises(ProviderFailed, match="unknown"):
            pictures.numbered(b"\x00\x00\x00\x01\x09\x10\x00\x00\x00", keyframe=keyframe)


def test_what_an_encoder_refuses_is_a_failure_of_the_provider(codec: VideoCodec) -> None:
    with pytest.raises(ProviderFailed, match="can't be opened"):
        open_encoder(codec, replace(SMALL, width=0))


def test_an_encoder_that_keeps_a_picture_back_has_failed() -> None:
    planes = Planes(SMALL.width, SMALL.height)
    slow = Codec(CodecOptions("libx264", {"preset": "medium"}), SMALL)
    with pytest.raises(ProviderFailed, match="made 0 pictures of one"):
        slow.encode(planes.frame, 0, keyframe=True)
    slow.close()


def test_a_picture_of_the_wrong_time_is_a_failure_of_the_provider() -> None:
    planes = Planes(SMALL.width, SMALL.height)
    codec = Codec(CodecOptions("libvpx", {"lag-in-frames": "0"}), SMALL)
    codec.encode(planes.frame, 1_000, keyframe=True)
    with pytest.raises(ProviderFailed, match="can't encode"):
        codec.encode(planes.frame, 10, keyframe=False)
    codec.close()


def test_a_closed_encoder_encodes_nothing_and_leaves_no_thread(codec: VideoCodec) -> None:
    before = set(os.listdir("/proc/self/task"))  # noqa: PTH208
    screen = Screen(open_encoder(codec, SMALL))
    screen.show(drawn(0))
    screen.encoder.close()
    screen.encoder.close()

    with pytest.raises(ProviderFailed, match="closed"):
        screen.show(drawn(1))
    assert set(os.listdir("/proc/self/task")) <= before  # noqa: PTH208


def test_no_encoder_makes_threads_real_time_ones(codec: VideoCodec) -> None:
    # Of other threads, such as those of a WebRTC client that another test has used, some may be.
    before = set(os.listdir("/proc/self/task")) - {str(os.getpid())}  # noqa: PTH208
    screen = Screen(open_encoder(codec, SMALL))
    screen.show(drawn(0))
    policies = {
        os.sched_getscheduler(int(thread))
        for thread in set(os.listdir("/proc/self/task")) - before  # noqa: PTH208
    }
    screen.encoder.close()

    assert policies == {os.SCHED_OTHER}


def test_options_say_one_thing_for_each_quantizer() -> None:
    assert h264_options(24).options["qp"] == "24"
    assert "no-deblock=1" in h264_options(24).options["x264-params"]
    assert "no-deblock=0" in h264_options(40).options["x264-params"]
