"""A long recorded session for `./dev bench replay`, made without a call: a loop of real VP8 and Opus, again and again.

Each picture holds its own number in the loop as a row of black and white fields, and the customer's page shows the time
of its last change, so whoever looks at a page can tell from what is seen when it was captured.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import msgspec
import numpy as np

from link.rtc.tracks.depacketizer import EncodedFrame
from server.cobrowse import sanitise
from server.recording.segment import COBROWSE, SEGMENT_MS, SegmentName, pack_lines
from server.recording.webm import Block, clusters
from server.session import events as e
from server.store.sessions import Projection
from tests.server.evidence.recorded import Archive, customers_page, requested

FORM: Final = "3"
"""Raise it when what is made changes: made sessions are kept until then."""
RATE: Final = 25
FRAME_MS: Final = 1000 // RATE
LOOP_FRAMES: Final = 750
LOOP_MS: Final = LOOP_FRAMES * FRAME_MS
KEY_FRAMES: Final = 75
"""Three seconds between keyframes: as the recorder asks for them where one is seven times as large as other frames."""
BEGUN_MS: Final = 2680
"""When media begins: no multiple of two seconds, so that keyframes lie somewhere in their segments."""
CHANGE_MS: Final = 200
PICTURE_MS: Final = 120_000
FIELDS: Final = 16
FIELD_PX: Final = 32
AMOUNT: Final = 108
"""The rrweb id of the field that shows the time (`customers_page`)."""
SPEECH_MS, SILENCE_MS = 4000, 3500
CAMERAS: Final = ("customer-1.camera", "specialist-1.camera")
MICROPHONES: Final = ("customer-1.microphone", "specialist-1.microphone")

Loop = tuple[tuple[bytes, bool], ...]


def code(number: int) -> int:
    """The fields of a picture as bits: eleven of its number plus one, and five to check them by."""
    value = number % LOOP_FRAMES + 1
    return value << 5 | (value * 7 + 3) % 31


def loops(cache: Path, width: int, height: int, kbits: int) -> tuple[Loop, Loop]:
    """The pictures and the sound of one loop, with what is a keyframe; kept in `cache`."""
    path = cache / f"replay-loop-{FORM}-{width}x{height}-{kbits}.pickle"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps((_pictures(width, height, kbits), _sound())))
    made: tuple[Loop, Loop] = pickle.loads(path.read_bytes())
    return made


def _pictures(width: int, height: int, kbits: int) -> Loop:
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate, encoder.thread_count = Fraction(1, RATE), kbits * 1000, 1
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "g": str(KEY_FRAMES), "lag-in-frames": "0"}
    y, x = np.mgrid[0:height, 0:width]
    luma = (120 + 45 * np.sin(x / 70) * np.cos(y / 50)).astype(np.uint8)
    half = np.full((height // 2, width // 2), 118, np.uint8)
    made = []
    for number in range(LOOP_FRAMES):
        picture = luma.copy()
        left = width // 4 + round(width / 5 * np.sin(number * 2 * np.pi / 125))
        picture[height // 3 : height * 5 // 6, left : left + width // 5] = 190 + number % 7
        for field in range(FIELDS):
            bit = code(number) >> (FIELDS - 1 - field) & 1
            picture[:FIELD_PX, field * FIELD_PX : (field + 1) * FIELD_PX] = 235 if bit else 16
        frame = av.VideoFrame.from_ndarray(
            np.vstack((picture, half.reshape(-1, width), half.reshape(-1, width))), "yuv420p"
        )
        frame.pts, frame.time_base = number, encoder.time_base
        if number % KEY_FRAMES == 0:
            frame.pict_type = av.video.frame.PictureType.I
        made += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    assert len(made) == LOOP_FRAMES
    assert all(made[number][1] for number in range(0, LOOP_FRAMES, KEY_FRAMES))
    return tuple(made)


def _sound() -> Loop:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = 48000, av.AudioFormat("s16"), av.AudioLayout("stereo")
    encoder.bit_rate, encoder.time_base = 32000, Fraction(1, 48000)
    made: list[tuple[bytes, bool]] = []
    for number in range(LOOP_MS // 20):
        at = (np.arange(960) + number * 960) / 48000
        speaks = number * 20 % (SPEECH_MS + SILENCE_MS) < SPEECH_MS
        voice = sum(np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 9)) * (0.6 + 0.4 * np.sin(at * 20))
        tone = (np.asarray(voice) * (4000 if speaks else 4)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2).reshape(1, -1), "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        made += [(bytes(packet), True) for packet in encoder.encode(frame)]
    while len(made) < LOOP_MS // 20:
        made.append(made[-1])
    return tuple(made[: LOOP_MS // 20])


def frames(loop: Loop, kind: str, from_ms: int, to_ms: int) -> list[EncodedFrame]:
    """What of the endless loop was captured in this span of the session."""
    each = FRAME_MS if kind == "video" else 20
    first, last = -(-(max(from_ms, BEGUN_MS) - BEGUN_MS) // each), -(-(to_ms - BEGUN_MS) // each)
    made = []
    for number in range(first, last):
        data, keyframe = loop[number % len(loop)]
        at = (BEGUN_MS + number * each) / 1000
        made.append(EncodedFrame(data, keyframe, at, 0, 1280, 720, 0.0 if kind == "video" else each / 1000))
    return made


def page_lines(from_ms: int, to_ms: int) -> list[tuple[int, bool, bytes]]:
    """Changes of the customer's page in this span: the time, whether it is a whole picture, the line as recorded."""
    made = []
    times = list(range(-(-max(from_ms, BEGUN_MS) // CHANGE_MS) * CHANGE_MS, to_ms, CHANGE_MS))
    if from_ms <= BEGUN_MS < to_ms:  # the player stands at the first moment of the recording: it has a picture
        times.insert(0, BEGUN_MS)
    for at in times:
        if at % PICTURE_MS == 0 or at == BEGUN_MS:
            made.append((at, True, _line(at, True, sanitise(msgspec.json.encode(customers_page())))))
        change = {"source": 5, "id": AMOUNT, "text": str(at), "isChecked": False}
        typed = json.dumps([{"type": 3, "timestamp": at, "data": change}], separators=(",", ":")).encode()
        made.append((at, False, _line(at, False, typed)))
    return made


def _line(at: int, keyframe: bool, data: bytes) -> bytes:
    return b'{"at":%d,"kind":"rrweb","epoch":"e1","keyframe":%s,"data":%s}' % (
        at,
        b"true" if keyframe else b"false",
        data,
    )


async def long_call(
    archive: Archive, session: str, hours: float, pictures: Loop, sound: Loop, told: Callable[[str], None]
) -> None:
    """Write a finished call of two people with pictures, sound and the customer's page, as the recorder would."""
    first, row = requested(session)
    await archive.add(session, 0, first, e.ConsentGiven("2026-01", "zh-CN", "00"), projection=row)
    answered = Projection(state="active", specialist="p1", specialist_name="Chen Jing", answered_us=row["requested_us"])
    await archive.add(session, 1500, e.Offered("p1", "Chen Jing"), e.Answered("p1", "Chen Jing"), projection=answered)
    key = await archive.vault.create(session)
    tracks = [(name, "video") for name in CAMERAS] + [(name, "audio") for name in MICROPHONES] + [(COBROWSE, COBROWSE)]
    started = [
        e.TrackStarted(name, kind, {"video": "vp8", "audio": "opus"}.get(kind, "rrweb"), 1280, 720)
        for name, kind in tracks
    ]
    events: list[e.Event] = [e.RecordingStarted(key.suite.name, session), *started]
    end = int(hours * 3_600_000) // SEGMENT_MS * SEGMENT_MS
    indexes = dict.fromkeys((name for name, _ in tracks), 0)
    for start in range(BEGUN_MS // SEGMENT_MS * SEGMENT_MS, end, SEGMENT_MS):
        spans = max(start, BEGUN_MS), start + SEGMENT_MS
        data = {
            "video": _clusters(frames(pictures, "video", *spans)),
            "audio": _clusters(frames(sound, "audio", *spans)),
            COBROWSE: _packed(page_lines(*spans)),
        }
        for name, kind in tracks:
            known, (packed, count, keyframe) = SegmentName(session, name, indexes[name]), data[kind]
            blob = key.seal(known.container, packed)
            path = archive.folder / "blobs" / known.blob
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blob)
            span = (indexes[name], *spans, count, len(blob), hashlib.sha256(blob).hexdigest())
            events.append(e.SegmentSealed(name, *span, known.blob, keyframe=keyframe))
            indexes[name] += 1
        if start % 300_000 == 0:
            events.append(e.ChatSent(f"c{start}", "specialist-1", "请您确认一下"))
        if len(events) >= 1000 or start + SEGMENT_MS >= end:
            await archive.add(session, start + SEGMENT_MS, *events)
            events = []
            told(f"{(start + SEGMENT_MS) / 3_600_000:.1f} of {hours:g} h")
    length = end - BEGUN_MS
    summaries = [e.TrackSummary(name, kind, length, length, 0, indexes[name]) for name, kind in tracks]
    closed = Projection(
        state="closed", ended_us=row["requested_us"] + end * 1000, closed_us=row["requested_us"] + end * 1000,
        end_reason="customer",
    )  # fmt: skip
    done = (e.Ended("customer-1", "customer"), e.RecordingCompleted(summaries), e.Closed())
    await archive.add(session, end, *done, projection=closed)


def _clusters(made: Sequence[EncodedFrame]) -> tuple[bytes, int, bool]:
    blocks = [Block(round(frame.time * 1000), frame.keyframe, frame.data) for frame in made]
    return clusters(blocks), len(blocks), any(block.keyframe for block in blocks)


def _packed(lines: Sequence[tuple[int, bool, bytes]]) -> tuple[bytes, int, bool]:
    return pack_lines(line for _, _, line in lines), len(lines), any(keyframe for _, keyframe, _ in lines)
