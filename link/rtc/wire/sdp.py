"""Session descriptions of the six m-lines: read strictly, written from scratch.

aiortc's SDP parser raises seven kinds of exception for hostile input and keeps what it does not understand. A leg needs
little of SDP, so this module reads that little, in linear time, and raises `InvalidDescription` for everything else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MAX_SDP_BYTES: Final = 64 * 1024
"""A longer description is refused. docs/media.md (Limits)."""
MAX_MEDIA_LINES: Final = 8
"""One with more m-lines is refused. docs/media.md (Limits)."""
MAX_CANDIDATES: Final = 50
"""More are passed over. docs/media.md (Limits)."""

KINDS = ("audio", "video", "video", "audio", "audio", "video")
UP_NAMES = ("microphone", "camera", "auxiliary", "", "", "")
DOWN_NAMES = ("audio0", "video0", "video1", "audio1", "audio2", "video2")

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

# Without these Chromium starts at 300 kbit/s and leaves 720p at 640x360 for a long time. It shares the start among
# camera and auxiliary, and 720p wants 1.2 Mbit/s to begin with. Only the camera's m-line says so: on the auxiliary's it
# would take its half even without a track.
_BITRATE = "x-google-min-bitrate=600;x-google-start-bitrate=3000;x-google-max-bitrate=3000"
_NAME = "visavis"
_OPUS = "minptime=10;useinbandfec=1"
_MEDIA_LINE = re.compile(r"m=(audio|video) \d{1,5} UDP/TLS/RTP/SAVPF((?: \d{1,3}){1,128})", re.ASCII)
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,32}")
"""It is sent back in every check: 256 characters (RFC 8839 section 5.4) would be a message of the far end's choice."""
_ICE_CHARS = re.compile(r"[A-Za-z0-9+/]{4,256}")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}")
_MID_TOKEN = re.compile(r"[!-~]{1,16}")
_MDNS = re.compile(r"[A-Za-z0-9-]{1,63}\.local")
_CANDIDATE = re.compile(
    r"(?:candidate:)?([A-Za-z0-9+/]{1,32}) (\d{1,5}) ([A-Za-z]{3}) (\d{1,10}) ([0-9A-Za-z.:%-]{2,80}) (\d{1,5})"
    r" typ (host|srflx|prflx|relay)((?: [!-~]+ [!-~]+)*)",
    re.ASCII,
)
_SETUPS = ("actpass", "active", "passive")
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


class InvalidDescription(ValueError):
    """An SDP or a candidate that is malformed, too large, or not the six m-lines of a leg."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A UDP candidate of component 1."""

    foundation: str
    priority: int
    host: str
    port: int
    type: str

    @property
    def mdns(self) -> bool:
        return self.host.endswith(".local")

    def __str__(self) -> str:
        return f"candidate:{self.foundation} 1 udp {self.priority} {self.host} {self.port} typ {self.type}"


@dataclass(slots=True)
class Media:
    """One m-line. Payload types and extension ids are -1 and 0 where absent."""

    kind: str
    mid: str = ""
    direction: str = "sendrecv"
    payload_type: int = -1
    rtx_payload_type: int = -1
    nack: bool = False
    mid_extension: int = 0
    time_extension: int = 0
    ssrcs: list[int] = field(default_factory=list)
    rtx_of: dict[int, int] = field(default_factory=dict)  # media SSRC -> RTX SSRC


@dataclass(slots=True)
class SessionDescription:
    """What a leg reads from, and writes into, a session description."""

    ufrag: str
    password: str
    fingerprint: str  # SHA-256, colon-separated hex
    setup: str
    media: list[Media]
    candidates: list[Candidate] = field(default_factory=list)
    complete: bool = False
    lite: bool = False
    ours: bool = False  # written by this module, so its sender behaves as ours do


# --- reading ----------------------------------------------------------------------------------------------------------


def parse_candidate(text: str) -> Candidate | None:
    """A candidate attribute, or None for one that is valid but of no use here (TCP, RTCP component, host names)."""
    if len(text) > 512:
        raise InvalidDescription("candidate is too long")
    match = _CANDIDATE.fullmatch(text.strip())
    if match is None:
        raise InvalidDescription("candidate is malformed")
    foundation, component, transport, priority, host, port, kind, _ = match.groups()
    if int(port) > 65535 or int(priority) > 0xFFFFFFFF:
        raise InvalidDescription("candidate is out of range")
    if component != "1" or transport.lower() != "udp" or port == "0" or kind == "prflx":
        return None
    if not _MDNS.fullmatch(host):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None
        # No peer is there, and a zone would be looked up by name, on the event loop.
        if address.is_multicast or address.is_unspecified or "%" in host or host == "255.255.255.255":
            return None
        host = str(address)
    return Candidate(foundation, int(priority), host, int(port), kind)


def _usable(text: str) -> Candidate | None:
    """A candidate of a description: one that cannot be read is passed over, as there may be others (RFC 8839 5.1)."""
    try:
        return parse_candidate(text)
    except InvalidDescription:
        return None


def parse_description(sdp: str, *, offer: bool) -> SessionDescription:
    """Read an offer or an answer. Raises `InvalidDescription`."""
    if len(sdp) > MAX_SDP_BYTES or len(sdp.encode(errors="replace")) > MAX_SDP_BYTES:
        raise InvalidDescription("description is larger than 64 KiB")
    sections: list[list[str]] = [[]]
    for line in sdp.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            if len(sections) > MAX_MEDIA_LINES:
                raise InvalidDescription("more than 8 m-lines")
            sections.append([])
        if line:
            sections[-1].append(line)
    if not sections[0] or sections[0][0] != "v=0":
        raise InvalidDescription("not a session description")
    media = [_parse_media(lines) for lines in sections[1:]]
    if tuple(m.kind for m in media) != KINDS:
        raise InvalidDescription("not the six m-lines of a leg")
    if len({m.mid for m in media}) != len(media):
        raise InvalidDescription("mids are not unique")
    _check_bundle(sections[0], media)
    # BUNDLE: the transport is that of the first m-line (RFC 8843 section 7.2); attributes may stand above it.
    shared = _Transport(sections[0] + sections[1], offer=offer)
    return SessionDescription(
        ufrag=shared.ufrag,
        password=shared.password,
        fingerprint=shared.fingerprint,
        setup=shared.setup,
        media=media,
        candidates=shared.candidates,
        complete=shared.complete,
        lite=shared.lite,
        ours=f"s={_NAME}" in sections[0],
    )


class _Transport:
    def __init__(self, lines: Sequence[str], *, offer: bool) -> None:
        self.ufrag = self.password = self.fingerprint = self.setup = ""
        self.candidates: list[Candidate] = []
        self.complete = self.lite = False
        self._seen = 0
        for line in lines:
            if line.startswith("a="):
                name, _, value = line[2:].partition(":")
                self._attribute(name, value)
        if not _UFRAG.fullmatch(self.ufrag) or not _ICE_CHARS.fullmatch(self.password) or len(self.password) < 22:
            raise InvalidDescription("ICE credentials are missing or malformed")
        if not self.fingerprint:
            raise InvalidDescription("no SHA-256 fingerprint")
        if self.setup not in _SETUPS or (not offer and self.setup == "actpass"):
            raise InvalidDescription("setup attribute is missing or wrong")

    def _attribute(self, name: str, value: str) -> None:
        if name == "candidate":
            self._seen += 1
            candidate = _usable(value) if self._seen <= MAX_CANDIDATES else None
            if candidate is not None:
                self.candidates.append(candidate)
        elif name == "ice-ufrag":
            self.ufrag = value
        elif name == "ice-pwd":
            self.password = value
        elif name == "fingerprint":
            algorithm, _, digest = value.partition(" ")
            if algorithm.lower() == "sha-256":
                if not _FINGERPRINT.fullmatch(digest):
                    raise InvalidDescription("fingerprint is malformed")
                self.fingerprint = digest.upper()
        elif name == "setup":
            self.setup = value
        elif name == "end-of-candidates":
            self.complete = True
        elif name == "ice-lite":
            self.lite = True


def _check_bundle(session: Sequence[str], media: Sequence[Media]) -> None:
    for line in session:
        if line.startswith("a=group:BUNDLE ") and line.split()[1:] == [m.mid for m in media]:
            return
    raise InvalidDescription("the m-lines are not one bundle")


def _parse_media(lines: Sequence[str]) -> Media:
    match = _MEDIA_LINE.fullmatch(lines[0])
    if match is None:
        raise InvalidDescription("m-line is malformed")
    media = Media(match[1])
    codecs = _Codecs([int(text) for text in match[2].split()])
    mux = False
    for line in lines[1:]:
        if not line.startswith("a="):
            continue
        name, _, value = line[2:].partition(":")
        if name in _DIRECTIONS:
            media.direction = name
        elif name == "mid":
            if not _MID_TOKEN.fullmatch(value):
                raise InvalidDescription("mid is malformed")
            media.mid = value
        elif name == "rtcp-mux":
            mux = True
        elif name == "extmap":
            _parse_extension(media, value)
        elif name in ("ssrc", "ssrc-group"):
            _parse_ssrc(media, name, value)
        else:
            codecs.attribute(name, value)
    if not mux or not media.mid:
        raise InvalidDescription("m-line without mid or rtcp-mux")
    codecs.choose(media)
    return media


class _Codecs:
    """The payload types of one m-line."""

    def __init__(self, offered: list[int]) -> None:
        self._offered = offered
        self._names: dict[int, str] = {}
        self._apt: dict[int, int] = {}
        self._nacks: set[str] = set()

    def attribute(self, name: str, value: str) -> None:
        if name == "rtpmap":
            number, text = _number_and_text(value, 127)
            self._names[number] = text.lower()
        elif name == "fmtp":
            number, text = _number_and_text(value, 127)
            if text.startswith("apt="):
                self._apt[number] = _number_and_text(text[4:].partition(";")[0], 127)[0]
        elif name == "rtcp-fb":
            number_text, _, text = value.partition(" ")
            if text == "nack":
                self._nacks.add(number_text)

    def choose(self, media: Media) -> None:
        wanted = "opus/48000/2" if media.kind == "audio" else "vp8/90000"
        main = next((number for number in self._offered if self._names.get(number) == wanted), -1)
        if main < 0:
            raise InvalidDescription("neither Opus nor VP8 where they are needed")
        media.payload_type = main
        media.nack = str(main) in self._nacks or "*" in self._nacks
        for number in self._offered:
            if self._names.get(number) == "rtx/90000" and self._apt.get(number) == main:
                media.rtx_payload_type = number
                break


def _number_and_text(value: str, largest: int) -> tuple[int, str]:
    number, _, text = value.partition(" ")
    # Only ASCII digits, and few: int() takes other scripts and any length.
    if not (number.isascii() and number.isdigit() and len(number) <= 10) or int(number) > largest:
        raise InvalidDescription("number is malformed")
    return int(number), text


def _parse_extension(media: Media, value: str) -> None:
    number_text, _, uri = value.partition(" ")
    number, _ = _number_and_text(number_text.partition("/")[0], 255)
    uri = uri.partition(" ")[0]
    # Ids above 14 would need two-byte headers, which nobody negotiates here.
    if not 1 <= number <= 14:
        return
    if uri == MID:
        media.mid_extension = number
    elif uri == ABS_SEND_TIME:
        media.time_extension = number


def _parse_ssrc(media: Media, name: str, value: str) -> None:
    if name == "ssrc":
        ssrc, _ = _number_and_text(value, 0xFFFFFFFF)
        if ssrc not in media.ssrcs and len(media.ssrcs) < 4:
            media.ssrcs.append(ssrc)
    elif value.startswith("FID ") and len(media.rtx_of) < 2:
        first, rest = _number_and_text(value[4:], 0xFFFFFFFF)
        media.rtx_of[first] = _number_and_text(rest, 0xFFFFFFFF)[0]


# --- writing ----------------------------------------------------------------------------------------------------------


def reverse(direction: str) -> str:
    """What the other side of an m-line with this direction says when it wants all of it."""
    return {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction, direction)


def make_offer_media() -> list[Media]:
    """The six m-lines as our own offerer writes them."""
    return [
        Media(
            kind,
            mid=str(index),
            direction="sendrecv" if index < 3 else "recvonly",
            payload_type=111 if kind == "audio" else 96,
            rtx_payload_type=97 if kind == "video" else -1,
            nack=True,
            mid_extension=1,
            time_extension=2 if kind == "video" else 0,
        )
        for index, kind in enumerate(KINDS)
    ]


def make_answer_media(offer: Sequence[Media]) -> list[Media]:
    """The six m-lines that answer `offer`: its numbers, all that it wants to send and to get."""
    return [
        Media(
            media.kind,
            mid=media.mid,
            direction=reverse(media.direction),
            payload_type=media.payload_type,
            rtx_payload_type=media.rtx_payload_type,
            nack=True,
            mid_extension=media.mid_extension,
            time_extension=media.time_extension if media.kind == "video" else 0,
        )
        for media in offer
    ]


def write_description(description: SessionDescription, *, offer: bool, cname: str, session: int) -> str:
    """The text; every m-line carries the attributes of the one transport, which BUNDLE allows."""
    bundle = " ".join(media.mid for media in description.media)
    lines = [
        "v=0",
        f"o=- {session} 2 IN IP4 127.0.0.1",
        f"s={_NAME}",
        "t=0 0",
        f"a=group:BUNDLE {bundle}",
        "a=msid-semantic: WMS *",
    ]
    for index, media in enumerate(description.media):
        lines += _media_lines(media, UP_NAMES[index] if offer else DOWN_NAMES[index], index, cname)
        if index == 0:
            lines += [f"a={candidate}" for candidate in description.candidates]
            if description.complete:
                lines.append("a=end-of-candidates")
        lines += [
            f"a=ice-ufrag:{description.ufrag}",
            f"a=ice-pwd:{description.password}",
            "a=ice-options:trickle",
            f"a=fingerprint:sha-256 {description.fingerprint}",
            f"a=setup:{description.setup}",
        ]
    return "\r\n".join(lines) + "\r\n"


def _media_lines(media: Media, name: str, index: int, cname: str) -> list[str]:
    main, rtx = media.payload_type, media.rtx_payload_type
    formats = f"{main} {rtx}" if rtx >= 0 else f"{main}"
    lines = [
        f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {formats}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a={media.direction}",
        f"a=mid:{media.mid}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]
    if media.mid_extension:
        lines.append(f"a=extmap:{media.mid_extension} {MID}")
    if media.time_extension:
        lines.append(f"a=extmap:{media.time_extension} {ABS_SEND_TIME}")
    if media.kind == "audio":
        lines += [f"a=rtpmap:{main} opus/48000/2", f"a=rtcp-fb:{main} nack", f"a=fmtp:{main} {_OPUS}"]
    else:
        lines.append(f"a=rtpmap:{main} VP8/90000")
        lines += [f"a=rtcp-fb:{main} {feedback}" for feedback in ("goog-remb", "ccm fir", "nack", "nack pli")]
        if index == 1:
            lines.append(f"a=fmtp:{main} {_BITRATE}")
        if rtx >= 0:
            lines += [f"a=rtpmap:{rtx} rtx/90000", f"a=fmtp:{rtx} apt={main}"]
    if media.direction in ("sendrecv", "sendonly") and media.ssrcs:
        # One stream per participant: what shares a stream id is played in step.
        lines.append(f"a=msid:{'main' if index < 2 else name} {name}")
        if media.rtx_of:
            first, second = next(iter(media.rtx_of.items()))
            lines.append(f"a=ssrc-group:FID {first} {second}")
        lines += [f"a=ssrc:{ssrc} cname:{cname}" for ssrc in media.ssrcs]
    return lines
