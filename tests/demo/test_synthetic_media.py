from __future__ import annotations

import shutil
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from demo import synthetic_media


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> synthetic_media.SyntheticMedia:
    return synthetic_media.prepare(tmp_path_factory.mktemp("media"))


def test_the_pictures_move_and_last_a_whole_loop(media: synthetic_media.SyntheticMedia) -> None:
    for path in (media.customer_video, media.specialist_video):
        with av.open(str(path), format="mjpeg") as container:
            frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        assert len(frames) == synthetic_media.RATE * synthetic_media.SECONDS
        assert frames[0].shape == (synthetic_media.HEIGHT, synthetic_media.WIDTH)
        steps = [np.abs(b.astype(int) - a).mean() for a, b in zip(frames[:-1:15], frames[15::15], strict=False)]
        assert min(steps) > 0.2, "every half second looks different"
        seam = np.abs(frames[-1].astype(int) - frames[0]).mean()
        assert seam < 3, "the loop has no jump"


def test_the_small_pictures_are_the_same_ones(media: synthetic_media.SyntheticMedia) -> None:
    for large, small in (
        (media.customer_video, media.small.customer_video),
        (media.specialist_video, media.small.specialist_video),
    ):
        pictures = []
        for path in (large, small):
            with av.open(str(path), format="mjpeg") as container:
                pictures.append(
                    [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
                )
        assert len(pictures[0]) == len(pictures[1])
        assert pictures[1][0].size == synthetic_media.SMALL
        again = np.asarray(pictures[0][40].resize(synthetic_media.SMALL), int)
        assert np.abs(again - np.asarray(pictures[1][40], int)).mean() < 4
    assert media.small.customer_audio == media.customer_audio
    assert media.small.documents == media.documents


def test_the_voices_can_be_heard(media: synthetic_media.SyntheticMedia) -> None:
    for path in (media.customer_audio, media.specialist_audio):
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 48000)
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(float)
        assert len(samples) > 3 * 48000
        assert np.sqrt((samples**2).mean()) > 1000


def test_a_voice_is_made_without_a_speech_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    samples = synthetic_media.speech("您好", pitch=120.0).astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    frequencies = np.fft.rfftfreq(samples.size, 1 / synthetic_media.AUDIO_RATE)
    voiced = spectrum[(frequencies > 80) & (frequencies < 4000)].sum()
    assert voiced / spectrum.sum() > 0.8
    loudness = np.abs(samples[: 48000 * 6]).reshape(-1, 960).mean(axis=1)
    assert loudness.max() > 10 * (loudness.min() + 1), "syllables with pauses, not a tone"


def test_the_documents_are_large_photographs(media: synthetic_media.SyntheticMedia) -> None:
    documents = sorted(media.documents.iterdir())
    assert len(documents) == 2
    for document in documents:
        with Image.open(document) as image:
            assert image.format == "JPEG"
            assert image.size == (2592, 1944)


def test_made_files_are_kept(media: synthetic_media.SyntheticMedia) -> None:
    folder = media.documents.parent
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert synthetic_media.prepare(Path(folder)) == media
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
