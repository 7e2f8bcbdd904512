"""One end of a call as a browser would be: real ICE, DTLS and SRTP, frames encoded before, no decoder.

A frame leaves as a burst, one system call per packet, and once a second a report. What comes back is known again by the
last bytes of its payload, which no relay changes; when it came is the kernel's word (SO_TIMESTAMPNS), so that the
bench's own hurry is not counted as latency.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from link.rtc.tracks.capture_clock import ntp_time
from link.rtc.transport.ice_dtls import IceDtlsTransport
from link.rtc.transport.srtp import SrtpBuffer, SrtpError
from link.rtc.transport.udp_socket import UdpSocket
from link.rtc.wire.rtp import build_cname, build_receiver_report, build_sender_report, parse_rtp
from link.rtc.wire.sdp import ABS_SEND_TIME, parse_candidate
from tests.bench.clip import Clip, media_host

AUDIO_TYPE, VIDEO_TYPE, RTX_TYPE = 111, 96, 97
TIME_EXTENSION = 2
TAIL = 16
LIFE = 2.0
"""Seconds after which a packet that did not come back is lost. The clip is longer, so no payload comes twice."""

_WITH_TIME = struct.Struct("!BBHIIII")
_STAMP = struct.Struct("=qq")
_SO_TIMESTAMPNS = 35


@dataclass(slots=True)
class Count:
    """What one way of a call carried while it was measured; `delays` in seconds."""

    sent: int = 0
    received: int = 0
    bytes: int = 0
    keyframes_asked: int = 0
    delays: list[float] = field(default_factory=list)


class Way:
    """From one peer to one who receives it: what is under way, and what came of it."""

    def __init__(self) -> None:
        self.count = Count()
        self.measuring = False
        self._under_way: dict[bytes, tuple[float, bool]] = {}

    def sent(self, payload: bytes, at: float) -> None:
        self._under_way[payload[-TAIL:]] = at, self.measuring
        if self.measuring:
            self.count.sent += 1

    def came(self, payload: bytes, at: float) -> None:
        sent, counted = self._under_way.pop(payload[-TAIL:], (0.0, False))
        if counted and at - sent < LIFE:
            self.count.received += 1
            self.count.bytes += len(payload)
            self.count.delays.append(at - sent)


class Peer:
    """Connects, sends the clip, and tells its `Way`s what leaves and what comes.

    `out` are the ways to all who receive what it sends; without any it sends nothing. `back` are the ways from those it
    receives: the sound and the picture of the i-th come on the i-th audio and video m-line.
    """

    def __init__(self, name: str, clip: Clip, out: Sequence[Way], back: Sequence[Way], *, begin: float = 0.0) -> None:
        """`begin`, 0 to 1, is where in the clip it begins."""
        self._clip = clip
        self._out, self._back = out, back
        self._from: dict[int, Way] = {}  # by SSRC, where several are received
        self._ssrcs = {"audio": secrets.randbits(31), "video": secrets.randbits(31)}
        self._sequences = {"audio": secrets.randbits(14), "video": secrets.randbits(14)}
        self._stamps = {"audio": secrets.randbits(30), "video": secrets.randbits(30)}
        self._sent = {"audio": [0, 0], "video": [0, 0]}
        self._frame, self._sound = int(begin * len(clip.video)), int(begin * len(clip.audio))
        self._types = {"audio": AUDIO_TYPE, "video": VIDEO_TYPE}
        self._early: deque[bytes] = deque(maxlen=64)
        self._rx: SrtpBuffer | None = None
        self._tx: SrtpBuffer | None = None
        self._socket: socket.socket | None = None
        self._pass_on: object = None
        self.connected = asyncio.Event()
        self._transport = IceDtlsTransport(
            name,
            [],
            loopback=False,
            on_media=lambda data, now: self._early.append(data),
            on_burst=lambda inbox, count, now: [i for i in range(count) if not 127 < inbox.views[i][0] < 192],
            on_connected=self._connected,
            on_closed=lambda: None,
        )

    # --- negotiation --------------------------------------------------------------------------------------------------

    async def describe(self, lines: Sequence[tuple[str, str]], *, setup: str) -> str:
        """An offer or an answer with m-lines of these kinds and mids; the first audio and the first video are used."""
        candidates = await self._transport.gather(controlling=setup == "actpass")
        loopback = [candidate for candidate in candidates if candidate.host == media_host()]
        bundle = " ".join(mid for _, mid in lines)
        used = {kind: next(mid for other, mid in lines if other == kind) for kind in ("audio", "video")}
        text = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=bench", "t=0 0", f"a=group:BUNDLE {bundle}"]
        for index, (kind, mid) in enumerate(lines):
            # A leg's third m-line must be there to send on, used or not; the others are only for receiving.
            text += self._line(kind, mid, used[kind] == mid, sendrecv=used[kind] == mid or index == 2)
            text += [f"a={candidate}" for candidate in loopback] + ["a=end-of-candidates"]
            text += [f"a=ice-ufrag:{self._transport.ufrag}", f"a=ice-pwd:{self._transport.password}"]
            text += [f"a=fingerprint:sha-256 {self._transport.fingerprint}", f"a=setup:{setup}"]
        return "\r\n".join(text) + "\r\n"

    def _line(self, kind: str, mid: str, used: bool, *, sendrecv: bool) -> list[str]:
        direction = "sendrecv" if sendrecv else "recvonly"
        formats = f"{AUDIO_TYPE}" if kind == "audio" else f"{VIDEO_TYPE} {RTX_TYPE}"
        text = [f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}", "c=IN IP4 127.0.0.1", f"a=mid:{mid}", "a=rtcp-mux"]
        text += [f"a={direction}", f"a=extmap:{TIME_EXTENSION} {ABS_SEND_TIME}"]
        if kind == "audio":
            text += [f"a=rtpmap:{AUDIO_TYPE} opus/48000/2", f"a=fmtp:{AUDIO_TYPE} minptime=10;useinbandfec=1"]
        else:
            text += [f"a=rtpmap:{VIDEO_TYPE} VP8/90000", f"a=rtpmap:{RTX_TYPE} rtx/90000"]
            text += [f"a=fmtp:{RTX_TYPE} apt={VIDEO_TYPE}"]
            text += [f"a=rtcp-fb:{VIDEO_TYPE} {name}" for name in ("goog-remb", "ccm fir", "nack", "nack pli")]
        if used and self._out:
            text += [f"a=msid:peer {kind}", f"a=ssrc:{self._ssrcs[kind]} cname:peer"]
        return text

    async def meet(self, sdp: str, *, offerer: bool) -> None:
        """Connect to the far end that this description is of."""

        def first(pattern: str) -> str:
            found = re.search(pattern, sdp, re.MULTILINE)
            return found[1].strip() if found else ""

        setup = first(r"^a=setup:(\w+)")
        self._transport.start(
            first(r"^a=ice-ufrag:(\S+)"),
            first(r"^a=ice-pwd:(\S+)"),
            first(r"^a=fingerprint:sha-256 (\S+)").upper(),
            lite="a=ice-lite" in sdp,
            dtls_client=setup == "passive" or not offerer,
        )
        for kind, codec in (("audio", "opus/48000"), ("video", "VP8/90000")):
            found = re.search(rf"^a=rtpmap:(\d+) {codec}", sdp, re.MULTILINE | re.IGNORECASE)
            self._types[kind] = int(found[1]) if found else self._types[kind]
            if len(self._back) > 1:
                announced = re.findall(rf"^m={kind} (?:(?!^m=).)*?^a=ssrc:(\d+)", sdp, re.MULTILINE | re.DOTALL)
                self._from.update(zip(map(int, announced), self._back, strict=False))
        for line in dict.fromkeys(re.findall(r"^a=(candidate:[^\r\n]+)", sdp, re.MULTILINE)):
            candidate = parse_candidate(line)
            if candidate is not None and candidate.host == media_host():
                await self._transport.add_candidate(candidate)
        await self._transport.add_candidate(None)

    def _connected(self, rx: SrtpBuffer, tx: SrtpBuffer) -> None:
        self._rx, self._tx = rx, tx
        port = self._transport._port
        assert isinstance(port, UdpSocket)
        port._poller.remove(port)
        self._socket = port.sock
        self._protocol = port._protocol
        self._target = self._transport._address
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        self.connected.set()

    async def close(self) -> None:
        if self._socket is not None and self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket = None
        await self._transport.close()

    # --- media --------------------------------------------------------------------------------------------------------

    def send_frame(self) -> None:
        """Send the next picture."""
        payloads = self._clip.video[self._frame % len(self._clip.video)]
        stamp = self._stamps["video"] + self._frame * self._clip.video_step
        self._frame += 1
        for index, payload in enumerate(payloads):
            self._send("video", payload, stamp, index == len(payloads) - 1)

    def send_sound(self) -> None:
        """Send the next Opus packet."""
        payload = self._clip.audio[self._sound % len(self._clip.audio)]
        stamp = self._stamps["audio"] + self._sound * self._clip.audio_step
        self._sound += 1
        self._send("audio", payload, stamp, False)

    def _send(self, kind: str, payload: bytes, stamp: int, marker: bool) -> None:
        if self._tx is None or self._socket is None:
            return
        self._sequences[kind] = sequence = (self._sequences[kind] + 1) & 0xFFFF
        self._sent[kind][0] += 1
        self._sent[kind][1] += len(payload)
        seconds = int(time.monotonic() * 262144) & 0xFFFFFF
        extension = TIME_EXTENSION << 28 | 2 << 24 | seconds
        head = _WITH_TIME.pack(
            0x90,
            self._types[kind] | marker << 7,
            sequence,
            stamp & 0xFFFFFFFF,
            self._ssrcs[kind],
            0xBEDE0001,
            extension,
        )
        datagram = self._tx.protect(head, payload)
        at = time.time()
        with contextlib.suppress(BlockingIOError):
            self._socket.sendto(datagram, self._target)
        for way in self._out:
            way.sent(payload, at)

    def send_report(self) -> None:
        """What a browser says once a second."""
        if self._tx is None or self._socket is None:
            return
        now = time.monotonic()
        ssrc = self._ssrcs["video"]
        parts = [build_receiver_report(ssrc, []), build_cname(ssrc, "peer")]
        clip = self._clip
        for kind in ("audio", "video") if self._out else ():
            count = self._sound * clip.audio_step if kind == "audio" else self._frame * clip.video_step
            stamp = (self._stamps[kind] + count) & 0xFFFFFFFF
            parts.insert(0, build_sender_report(self._ssrcs[kind], ntp_time(now), stamp, *self._sent[kind]))
        self._socket.sendto(self._tx.protect_rtcp(b"".join(parts)), self._target)

    def _read(self) -> None:
        sock, rx = self._socket, self._rx
        if sock is None or rx is None:
            return
        for _ in range(64):
            try:
                data, ancillary, _, address = sock.recvmsg(2048, 64)
            except OSError:
                return
            if not 127 < data[0] < 192:
                self._protocol.datagram_received(data, address)
                continue
            if 192 <= data[1] <= 223:
                continue
            seconds, nanoseconds = _STAMP.unpack(ancillary[0][2]) if ancillary else (time.time(), 0)
            try:
                packet = parse_rtp(rx.data, rx.unprotect(data))
            except (SrtpError, ValueError):
                continue
            if packet.payload_type in self._types.values():
                self._from.get(packet.ssrc, self._back[0]).came(packet.payload, seconds + nanoseconds / 1e9)
