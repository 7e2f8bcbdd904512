"""A whole file is one that players open: PyAV says how long it is, and seeks in it."""

from __future__ import annotations

import io

import av
import pytest

from link.rtc.tracks.depacketizer import EncodedFrame
from server.recording.webm import EBML, BadWebm, Block, clusters, init_segment
from server.recording.webm_file import WebmFile
from tests.server.recording import media

BEGIN_MS = 4200


def blocks(frames: list[EncodedFrame]) -> list[Block]:
    return [Block(BEGIN_MS + round(frame.time * 1000), frame.keyframe, frame.data) for frame in frames]


def written(kind: str, made: list[Block], *, tail_ms: int, every: int = 10) -> bytes:
    out = io.BytesIO()
    file = WebmFile(out, kind, width=320, height=180, tail_ms=tail_ms)
    for first in range(0, len(made), every):
        file.add(clusters(made[first : first + every]))
    file.finish()
    return out.getvalue()


def video(seconds: float = 6.0) -> list[Block]:
    """Pictures of which every second begins with a keyframe."""
    return [block for second in range(int(seconds)) for block in _second(second)]


def _second(second: int) -> list[Block]:
    return [
        Block(BEGIN_MS + second * 1000 + round(frame.time * 1000), frame.keyframe, frame.data)
        for frame in media.vp8(1.0)
    ]


def test_a_player_knows_how_long_it_lasts() -> None:
    made = video()
    with av.open(io.BytesIO(written("video", made, tail_ms=40)), "r") as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx((made[-1].time_ms + 40) / 1000)
        assert len(list(container.decode(video=0))) == len(made)
    # What players had before: no length at all.
    with av.open(io.BytesIO(init_segment("video", width=320, height=180) + clusters(made)), "r") as container:
        assert container.duration is None or container.duration / av.time_base != pytest.approx(10.24)


@pytest.mark.parametrize("wanted_s", [5.3, 7.9, 9.95])
def test_a_player_seeks_to_the_keyframe_before(wanted_s: float) -> None:
    made = video()
    data = io.BytesIO(written("video", made, tail_ms=40))
    with av.open(data, "r") as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        container.seek(int(wanted_s / stream.time_base), stream=stream)
        first = next(container.demux(stream))
        assert first.is_keyframe
        assert first.pts is not None
        at = float(first.pts * stream.time_base)
        assert wanted_s - 1.0 <= at <= wanted_s


def test_sound_is_entered_at_any_half_second() -> None:
    made = [Block(BEGIN_MS + number * 20, True, b"\xfc\xff\xfe") for number in range(500)]
    data = written("audio", made, tail_ms=20)
    with av.open(io.BytesIO(data), "r") as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx((BEGIN_MS + 10_000) / 1000)
        stream = container.streams.audio[0]
        assert stream.time_base is not None
        container.seek(int(9.0 / stream.time_base), stream=stream)
        first = next(packet for packet in container.demux(stream) if packet.pts is not None)
        assert first.pts is not None
        assert 8.0 <= float(first.pts * stream.time_base) <= 9.0
    assert len(data) < sum(len(block.data) + 7 for block in made) + 4000, "the index is small"


def test_the_head_keeps_its_size() -> None:
    """It is written again over itself."""
    made = video(2.0)
    whole = written("video", made, tail_ms=40)
    body = b"".join(clusters(made[first : first + 10]) for first in range(0, len(made), 10))
    assert body in whole
    assert whole.index(body) < 500


def test_a_track_of_nothing_is_a_head_without_an_index() -> None:
    out = io.BytesIO()
    file = WebmFile(out, "video", width=320, height=180)
    before = len(out.getvalue())
    file.finish()
    assert len(out.getvalue()) == before
    assert out.getvalue().startswith(EBML)


def test_nonsense_is_refused_and_leaves_nothing() -> None:
    out = io.BytesIO()
    file = WebmFile(out, "video", width=320, height=180)
    before = out.getvalue()
    with pytest.raises(BadWebm):
        file.add(clusters(video(1.0)) + b"nonsense")
    assert out.getvalue() == before
