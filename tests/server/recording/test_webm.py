"""What the writer writes, FFmpeg reads: codec, size, number and times of frames."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.tracks.depacketizer import EncodedFrame
from server.recording.webm import MAX_BLOCK_OFFSET, BadWebm, Block, clusters, element, init_segment, read_clusters
from tests.server.recording import media


def blocks_of(frames: Sequence[EncodedFrame]) -> list[Block]:
    return [Block(round(frame.time * 1000), frame.keyframe, frame.data) for frame in frames]


def test_vp8_is_read_back_by_ffmpeg() -> None:
    blocks = blocks_of(media.vp8(2, start=5))
    file = init_segment("video", width=320, height=180) + b"".join(clusters([block]) for block in blocks)
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.width, stream.codec_context.height) == ("vp8", 320, 180)
    times = [time for time, _ in media.decoded(file, "video")]
    assert len(times) == 50
    assert times[0] == 5.0
    assert times[-1] == 6.96


def test_opus_is_read_back_by_ffmpeg() -> None:
    blocks = blocks_of(media.opus(2, start=1))
    file = init_segment("audio") + clusters(blocks)
    frames = list(media.decoded(file, "audio"))
    assert frames[0][0] == 1.0
    samples = sum(frame.samples for _, frame in frames if isinstance(frame, av.AudioFrame))
    assert abs(samples / 48000 - len(blocks) * 0.02) < 0.03
    with av.open(io.BytesIO(file)) as container:
        codec = container.streams.audio[0].codec_context
        assert isinstance(codec, av.AudioCodecContext)
        assert codec.name.endswith("opus")
        assert (codec.sample_rate, codec.layout.nb_channels) == (48000, 2)


def test_a_size_that_changes_needs_no_new_header() -> None:
    blocks = blocks_of(media.vp8(1) + media.vp8(1, start=1, width=160, height=90))
    file = init_segment("video", width=320, height=180) + clusters(blocks)
    pictures = [frame for _, frame in media.decoded(file, "video") if isinstance(frame, av.VideoFrame)]
    sizes = {(picture.width, picture.height) for picture in pictures}
    assert sizes == {(320, 180), (160, 90)}


@given(
    st.lists(
        st.builds(Block, st.integers(0, 400_000_000), st.booleans(), st.binary(min_size=0, max_size=300)), max_size=20
    )
)
def test_blocks_come_back(blocks: list[Block]) -> None:
    ordered = sorted(blocks, key=lambda block: block.time_ms)
    assert list(read_clusters(clusters(ordered))) == ordered


def test_long_spans_are_split() -> None:
    far = [Block(0, True, b"a"), Block(MAX_BLOCK_OFFSET, False, b"b"), Block(MAX_BLOCK_OFFSET + 1, False, b"c")]
    data = clusters(far)
    assert data.count(b"\x1f\x43\xb6\x75") == 2
    assert list(read_clusters(data)) == far


@given(st.binary(max_size=200))
def test_hostile_bytes_are_one_error(data: bytes) -> None:
    try:
        list(read_clusters(data))
    except BadWebm:
        return
    assert not data or data[:4] == b"\x1f\x43\xb6\x75"


@pytest.mark.parametrize("length", [0, 126, 127, 128, 16382, 16383, 16384, 2_097_151])
def test_sizes_at_their_borders(length: int) -> None:
    data = clusters([Block(7, True, bytes(length))])
    assert [len(block.data) for block in read_clusters(data)] == [length]


def test_elements_never_have_the_unknown_size() -> None:
    assert element(b"\xec", bytes(126))[1:2] == b"\xfe"
    assert element(b"\xec", bytes(127))[1:3] == b"\x40\x7f"


def test_only_media_has_an_init_segment() -> None:
    with pytest.raises(ValueError, match="cobrowse"):
        init_segment("cobrowse")
