"""Loops: encoded once, decodable, played in real time whatever the timer does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from kiosk_client.devices.encoders import OPUS_SAMPLES, EncodedPicture, PictureEncoder, fitted
from kiosk_client.devices.loops import KEYFRAME_S, MediaLoop, Player, SourceError, make_loop


def decode(pictures: list[EncodedPicture]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("vp8", "r")
    return [frame for picture in pictures for frame in decoder.decode(av.Packet(picture.data))]


def test_the_synthetic_loop_decodes_and_moves() -> None:
    loop = make_loop("synthetic", width=320, height=180, fps=10)
    frames = decode(list(loop.pictures))
    assert len(frames) == len(loop.pictures) == 40
    assert [index for index, picture in enumerate(loop.pictures) if picture.keyframe] == [0, int(10 * KEYFRAME_S)]
    first, later = frames[0].to_ndarray(format="gray"), frames[10].to_ndarray(format="gray")
    assert np.abs(first.astype(int) - later.astype(int)).mean() > 3
    decoder = av.CodecContext.create("opus", "r")
    sound = [frame for packet in loop.sounds for frame in decoder.decode(av.Packet(packet))]
    loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in sound)
    assert loudest > 0.05
    assert len(loop.sounds) == 200


def write_media(path: Path, *, picture: bool = True, sound: bool = True) -> None:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx", rate=15) if picture else None
        audio = container.add_stream("libopus", rate=48000, layout="mono") if sound else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
            for number in range(15):
                frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), number * 10, np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 15)
                container.mux(video.encode(frame))
            container.mux(video.encode())
        if audio is not None:
            for number in range(50):
                samples = np.full((1, OPUS_SAMPLES), 3000 if number % 2 else -3000, np.int16)
                block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                block.sample_rate, block.pts = 48000, number * OPUS_SAMPLES
                container.mux(audio.encode(block))
            container.mux(audio.encode())


def test_a_file_is_shown_at_the_loops_rate(tmp_path: Path) -> None:
    write_media(tmp_path / "clip.webm")
    loop = make_loop(str(tmp_path / "clip.webm"), width=160, height=120, fps=30)
    assert 28 <= len(loop.pictures) <= 30
    assert 45 <= len(loop.sounds) <= 52


def test_a_file_with_sound_alone_is_a_loop_too(tmp_path: Path) -> None:
    write_media(tmp_path / "voice.webm", picture=False)
    loop = make_loop(str(tmp_path / "voice.webm"), width=160, height=120, fps=30)
    assert not loop.pictures
    assert loop.sounds


def test_a_file_that_is_no_media_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "a.webm").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="cannot read"):
        make_loop(str(tmp_path / "a.webm"))
    with pytest.raises(SourceError):
        make_loop(str(tmp_path / "missing.webm"))


LOOP = MediaLoop(tuple(EncodedPicture(bytes([number]), number % 3 == 0) for number in range(6)), (b"x", b"y"), fps=10)


def test_playing_catches_up_and_never_goes_back() -> None:
    pictures: list[tuple[bytes, int, bool]] = []
    sounds: list[tuple[bytes, int, bool]] = []
    player = Player(LOOP, lambda *frame: pictures.append(frame), lambda *frame: sounds.append(frame))
    player.advance(0.0)
    assert (len(pictures), len(sounds)) == (1, 1)
    player.advance(0.95)
    assert len(pictures) == 10
    assert [rtp_time for _, rtp_time, _ in pictures] == [number * 9000 for number in range(10)]
    assert [data[0] for data, _, _ in pictures] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    assert len(sounds) == 48
    assert sounds[-1][1] == 47 * OPUS_SAMPLES


def test_a_keyframe_request_jumps_to_the_next_one() -> None:
    pictures: list[tuple[bytes, int, bool]] = []
    player = Player(LOOP, lambda *frame: pictures.append(frame), lambda *_: None)
    player.advance(0.15)
    player.request_keyframe()
    player.advance(0.25)
    data, rtp_time, keyframe = pictures[-1]
    assert (data[0], rtp_time, keyframe) == (3, 18000, True)


def test_a_keyframe_request_while_publishing_is_not_lost() -> None:
    pictures: list[int] = []

    def publish(data: bytes, rtp_time: int, keyframe: bool) -> None:
        pictures.append(data[0])
        if data[0] == 1:
            player.request_keyframe()

    player = Player(LOOP, publish, lambda *_: None)
    player.advance(0.25)
    assert pictures == [0, 1, 3]


def test_fitting_keeps_the_shape_and_is_even() -> None:
    assert fitted(4032, 3024) == (1280, 960)
    assert fitted(641, 481) == (640, 480)
    assert fitted(1000, 4000) == (240, 960)


def test_an_encoder_begins_with_a_keyframe() -> None:
    encoder = PictureEncoder(64, 48, fps=5, bitrate=100_000)
    picture = av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="rgb24")
    kinds = [item.keyframe for _ in range(3) for item in encoder.encode(picture)]
    kinds += [item.keyframe for item in encoder.encode(picture, keyframe=True)]
    assert kinds == [True, False, False, True]
