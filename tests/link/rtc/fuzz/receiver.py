"""A leg without its socket: everything that reads what a far end sends, and the bounds of what it may keep."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from itertools import pairwise

from pylibsrtp import Policy, Session

from link.rtc.relay import FrameReader
from link.rtc.rtcp_session import RtcpSession
from link.rtc.tracks import frame_reader as tap_module
from link.rtc.tracks.capture_clock import MAX_AHEAD_S
from link.rtc.tracks.demuxer import MAX_STREAMS, Demuxer
from link.rtc.tracks.depacketizer import MAX_FRAME_BYTES, EncodedFrame, MediaGap
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import HISTORY_PACKETS, MAX_MISSING_PACKETS, PublishedTrack
from link.rtc.tracks.voice_activity import VoiceActivity
from link.rtc.transport.srtp import SrtpBuffer, SrtpError
from link.rtc.transport.udp_batch import Inbox
from link.rtc.wire.sdp import Media

KEY = bytes(range(30))
SSRC = {"microphone": 0x11111111, "camera": 0x22222222, "camera again": 0x22222223, "shown": 0x33333333}
"""The SSRCs in the corpus; `shown` is what this leg sends."""
_VIDEO = {"payload_type": 96, "rtx_payload_type": 97, "mid_extension": 4, "time_extension": 2}


class Receiver:
    """Microphone, camera and auxiliary of a far end that has the keys; the camera is recorded and shown back to it."""

    def __init__(self) -> None:
        outbound = Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_OUTBOUND)
        outbound.allow_repeat_tx = True
        inbound = Policy(key=KEY, ssrc_type=Policy.SSRC_ANY_INBOUND)
        inbound.window_size = 1024
        self._far = SrtpBuffer(Session(outbound))
        self._inbox = Inbox()
        self._inbox._libc = None  # lengths are kept in a list then
        self.sent: list[bytes] = []
        self.gaps: list[MediaGap] = []
        self.taken = self.refused_by_srtp = 0
        self.now = 0.0
        camera = Media("video", "1", ssrcs=[SSRC["camera"], SSRC["camera again"]], **_VIDEO)  # type: ignore[arg-type]
        camera.rtx_of = {SSRC["camera"]: SSRC["camera again"]}
        self.tracks = {
            "microphone": PublishedTrack("audio"),
            "camera": PublishedTrack("video"),
            "auxiliary": PublishedTrack("video"),
        }
        self.ingress = Demuxer(lambda items, now: self.control.handle(items, now))
        self.ingress.add(
            Media("audio", "0", payload_type=111, mid_extension=4, ssrcs=[SSRC["microphone"]]),
            self.tracks["microphone"],
        )
        self.ingress.add(camera, self.tracks["camera"])
        self.ingress.add(Media("video", "2", **_VIDEO), self.tracks["auxiliary"])  # type: ignore[arg-type]
        self.control = RtcpSession(7, "name", self.ingress, self.sent.append)
        self.slot = ForwardedTrack("video", "video0")
        self.slot.ssrc = SSRC["shown"]
        self.slot._splice.highest = 99  # so that the corpus asks for what was sent
        self.slot.open(lambda header, payload: self.sent.append(header + payload), 96, 97, 2)
        self.slot.attach(self.tracks["camera"], 100.0)
        self.control.open([self.slot], trusted=True)
        self.recorded: list[list[EncodedFrame]] = [[] for _ in self.tracks]
        self.taps = [
            FrameReader(track, frames.append, self.gaps.append, 10.0, 100.0)
            for track, frames in zip(self.tracks.values(), self.recorded, strict=True)
        ]
        self.voice = VoiceActivity(self.tracks["microphone"], lambda: None)
        self.ingress.open(SrtpBuffer(Session(inbound)))

    def take(self, plains: Sequence[bytes], now: float) -> None:
        """The far end encrypts these and sends them together; timers run."""
        self.now = now
        count = 0
        for plain in plains:
            data = self._encrypt(plain)
            self.taken += 1
            if len(data) <= len(self._inbox.views[0]):
                self._inbox.views[count][: len(data)] = data
                self._inbox._lengths[count] = len(data)
                count += 1
        self.ingress.burst(self._inbox, count, now)
        for source in self.ingress.sources():
            source.track.repair(now)
            source.track.tick(now)
        self.control.tick(now)

    def _encrypt(self, plain: bytes) -> bytes:
        rtcp = len(plain) > 1 and 191 < plain[1] < 224
        try:
            return self._far.protect_rtcp(plain) if rtcp else self._far.protect(plain[:12], plain[12:])
        except SrtpError:
            self.refused_by_srtp += 1
            return plain  # then it is a forgery

    def check(self) -> None:
        """Nothing grew without bound, and what goes on to others is sane."""
        assert len(self.ingress._strays) <= MAX_STREAMS
        for name, track in self.tracks.items():
            assert len(track._missing) <= MAX_MISSING_PACKETS
            assert len(track._history) <= HISTORY_PACKETS[track.kind]
            assert 0 <= track.jitter < math.inf, name
        for tap in self.taps:
            assert len(tap._pending) <= tap_module._MAX_PENDING_PACKETS + 1
        for frame in itertools.chain(*self.recorded):
            assert len(frame.data) <= MAX_FRAME_BYTES
            assert 0 <= frame.duration <= 0.12
            assert frame.time <= self.now + MAX_AHEAD_S
        assert all(b.time >= a.time for tap in self.recorded for a, b in pairwise(tap))
        assert all(gap.end >= gap.start for gap in self.gaps)
        assert len(self.sent) <= 300 + 3 * self.taken, "one packet makes few"
