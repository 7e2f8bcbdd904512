"""A leg: one peer connection whose RTP packets are handed on instead of being decoded.

Every leg has the same six m-lines, negotiated once and never again, bundled on one transport, mids as the offerer
numbered them, in this order. The offerer is the browser page, or the kiosk client towards the server; the answerer is
always one of our Python processes.

| m-line | kind  | offerer's direction | offerer -> answerer | answerer -> offerer |
|--------|-------|---------------------|---------------------|---------------------|
| 0      | audio | sendrecv            | microphone          | audio0              |
| 1      | video | sendrecv            | camera              | video0              |
| 2      | video | sendrecv            | auxiliary           | video1              |
| 3      | audio | recvonly            |                     | audio1              |
| 4      | audio | recvonly            |                     | audio2              |
| 5      | video | recvonly            |                     | video2              |

For a page that is, in this order and before `setLocalDescription` (`bundlePolicy: "max-bundle"`):

    pc.addTransceiver(microphoneTrack || "audio", {direction: "sendrecv"})
    pc.addTransceiver("video", {direction: "sendrecv"})
    pc.addTransceiver("video", {direction: "sendrecv"})
    pc.addTransceiver("audio", {direction: "recvonly"})
    pc.addTransceiver("audio", {direction: "recvonly"})
    pc.addTransceiver("video", {direction: "recvonly"})

`pc.getTransceivers()[i].receiver.track` is then the slot of row i. Give the camera its track with
`getTransceivers()[1].sender.replaceTrack(track)` when `connectionState` becomes `connected`: a camera that is there
before makes Chromium start at 300 kbit/s and stay at 960x540 or less for about 10 s. Any transceiver may go without a
track and get or lose one later. Codecs are Opus and VP8; `setCodecPreferences` is not needed. Candidates are trickled:
send each `candidate` with its `sdpMid`, and the empty candidate at the end. The answer holds all of ours.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import structlog

from link.protocol.values import IceServer
from link.rtc.pacer import Pacer
from link.rtc.rtcp_session import RtcpSession
from link.rtc.statistics import LegStatistics, slot_statistics, track_statistics
from link.rtc.tracks.demuxer import Demuxer
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.rtc.transport.ice_dtls import IceDtlsTransport
from link.rtc.transport.liveness import Liveness
from link.rtc.transport.permitted_addresses import PermittedAddresses
from link.rtc.transport.srtp import SrtpBuffer, SrtpError
from link.rtc.transport.ticker import Ticker, running_ticker
from link.rtc.transport.turn_framing import IceServerUrl
from link.rtc.transport.udp_batch import OUT_DATAGRAMS
from link.rtc.wire.rtp import Rtcp
from link.rtc.wire.sdp import (
    DOWN_NAMES,
    KINDS,
    MAX_CANDIDATES,
    UP_NAMES,
    InvalidDescription,
    Media,
    SessionDescription,
    make_answer_media,
    make_offer_media,
    parse_candidate,
    parse_description,
    write_description,
)
from link.tasks import spawn

log = structlog.get_logger()

MICROPHONE, CAMERA, AUXILIARY = "microphone", "camera", "auxiliary"
UP_SLOTS = (MICROPHONE, CAMERA, AUXILIARY)
DOWN_SLOTS = ("audio0", "audio1", "audio2", "video0", "video1", "video2")


class LegState(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    # Nothing at all is heard. Both go back to CONNECTED by themselves; `link.rtc.transport.liveness` has how soon they
    # come.
    DOUBTFUL = "doubtful"  # a sign of life was asked for and did not come at once
    SILENT = "silent"  # nor for about a second
    CLOSED = "closed"


class Leg:
    """One peer connection, as answerer (`answer`) or offerer (`offer` then `accept`); used once.

    `tracks` holds a `PublishedTrack` for every name of both directions, from construction on. As answerer the leg
    receives microphone, camera and auxiliary and sends the six down slots; as offerer it sends microphone, camera and
    auxiliary and receives the six down slots. `slots` holds what it sends, by the same names.
    """

    def __init__(
        self,
        name: str,
        *,
        ice_servers: Sequence[IceServer] = (),
        loopback: bool = False,
        same_machine: bool = False,
        relay_only: bool = False,
        reach: PermittedAddresses | None = None,
        on_state: Callable[[LegState], None] | None = None,
    ) -> None:
        """`name` is for logs. `loopback` adds 127.0.0.1 to the candidates; with `relay_only` there are none but TURN's,
        and `answer` and `offer` raise `RelayUnavailable` if there is none. `on_state` is called on the event loop.

        `reach`: where the far end may be; by default anywhere but at loopback, unless that is among our candidates.

        `same_machine`: so is the far end, there is no path between that could be full. What looks like one is a busy
        processor, and a browser that is told to send less for it takes half a minute to come back.
        """
        self.name = name
        kinds = {
            name: kind for names in (UP_NAMES, DOWN_NAMES) for name, kind in zip(names, KINDS, strict=True) if name
        }
        self.tracks: dict[str, PublishedTrack] = {track: PublishedTrack(kind, track) for track, kind in kinds.items()}
        self.slots: dict[str, ForwardedTrack] = {slot: ForwardedTrack(kind, slot) for slot, kind in kinds.items()}
        self._on_state = on_state
        self._state = LegState.NEW
        self._ingress = Demuxer(self._take_rtcp, estimating=not same_machine)
        self._control = RtcpSession(secrets.randbits(32), cname := secrets.token_hex(8), self._ingress, self._send_rtcp)
        self._cname = cname
        self._transport = IceDtlsTransport(
            name,
            [IceServerUrl(url, server.username, server.credential) for server in ice_servers for url in server.urls],
            loopback=loopback,
            relay_only=relay_only,
            reach=reach,
            on_media=self._ingress.datagram,
            on_burst=self._ingress.burst,
            media_heard=lambda: self._ingress.heard,
            on_connected=self._connected,
            on_closed=self._ended,
        )
        self._control.check = self._transport.probe
        self._control.pace = Pacer(self._send, self._hurry)
        self._ticker: Ticker = running_ticker()
        self._sending: list[tuple[ForwardedTrack, Media]] = []
        self._tx: SrtpBuffer | None = None
        self._offered: list[Media] = []
        self._first_mid = ""
        self._early_candidates: list[tuple[str, str]] = []
        self._far_end_ours = False
        self._candidates = 0
        self._far_end_complete = False
        self._closing: asyncio.Task[None] | None = None
        self._liveness = Liveness()
        self._counted = 0.0
        self._bytes_before: dict[str, int] = {}
        self._bitrates: dict[str, int] = {}
        self._packets_out = self._bytes_out = self._refused = 0

    @property
    def state(self) -> LegState:
        return self._state

    @property
    def closed(self) -> bool:
        return self._state is LegState.CLOSED

    @property
    def local_address(self) -> str | None:
        """The address of this machine that the leg's path begins at; None while there is none, or through a relay."""
        return self._transport.local_address

    @property
    def rtt(self) -> float:
        """Seconds there and back, smoothed; 0.0 while unknown."""
        return self._control.rtt

    @property
    def quiet(self) -> float:
        """Seconds since anything at all was heard."""
        return self._liveness.quiet

    def _set_state(self, state: LegState) -> None:
        if state is self._state or self._state is LegState.CLOSED:
            return
        log.info("leg", leg=self.name, old=str(self._state), new=str(state))
        self._state = state
        if self._on_state is not None:
            try:
                self._on_state(state)
            except Exception:
                log.exception("leg state callback failed", leg=self.name)

    # --- negotiation --------------------------------------------------------------------------------------------------

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer of the six m-lines; the answer holds our candidates. Raises `InvalidDescription`."""
        remote = parse_description(offer_sdp, offer=True)
        self._begin()
        media = make_answer_media(remote.media)
        setup = "passive" if remote.setup == "active" else "active"
        text = await self._describe(media, setup, DOWN_NAMES, offer=False, controlling=remote.lite)
        await self._meet(remote, media, UP_NAMES, DOWN_NAMES, offerer=False)
        return text

    async def offer(self) -> str:
        """An offer of the six m-lines with our candidates."""
        self._begin()
        self._offered = make_offer_media()
        return await self._describe(self._offered, "actpass", UP_NAMES, offer=True, controlling=True)

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer to `offer`. Raises `InvalidDescription`."""
        remote = parse_description(answer_sdp, offer=False)
        if [m.mid for m in remote.media] != [m.mid for m in self._offered]:
            raise InvalidDescription("not an answer to this offer")
        offered, self._offered = self._offered, []
        await self._meet(remote, offered, DOWN_NAMES, UP_NAMES, offerer=True)

    async def add_candidate(self, candidate: str, mid: str) -> None:
        """Add a trickled candidate of the far end; "" ends them. Raises `InvalidDescription`.

        All m-lines share the first one's transport; candidates of others, and more than 50, are passed over.
        """
        parsed = parse_candidate(candidate) if candidate else None
        if self._state is LegState.CLOSED or self._far_end_complete:
            return
        if not self._first_mid:
            # Trickled candidates overtake the description while we are still busy with it.
            if len(self._early_candidates) < MAX_CANDIDATES:
                self._early_candidates.append((candidate, mid))
        elif not candidate:
            self._far_end_complete = True
            await self._transport.add_candidate(None)
        elif parsed is not None and mid in ("", self._first_mid) and self._candidates < MAX_CANDIDATES:
            self._candidates += 1
            await self._transport.add_candidate(parsed)

    def _begin(self) -> None:
        if self._state is not LegState.NEW:
            raise RuntimeError("a leg is negotiated once")
        self._set_state(LegState.CONNECTING)

    async def _describe(
        self, media: list[Media], setup: str, names: Sequence[str], *, offer: bool, controlling: bool
    ) -> str:
        for line, name in zip(media, names, strict=True):
            if name:
                slot = self.slots[name]
                line.ssrcs = [slot.ssrc]
                if line.rtx_payload_type >= 0:
                    line.rtx_of = {slot.ssrc: slot.rtx.ssrc}
                    line.ssrcs.append(slot.rtx.ssrc)
        transport = self._transport
        description = SessionDescription(
            ufrag=transport.ufrag,
            password=transport.password,
            fingerprint=transport.fingerprint,
            setup=setup,
            media=media,
            candidates=await transport.gather(controlling=controlling, sparing=not offer),
            complete=True,
        )
        return write_description(description, offer=offer, cname=self._cname, session=secrets.randbits(62))

    async def _meet(
        self,
        remote: SessionDescription,
        local: list[Media],
        inward: Sequence[str],
        outward: Sequence[str],
        *,
        offerer: bool,
    ) -> None:
        """Both descriptions are there: know which packets are whose, and connect."""
        self._first_mid = remote.media[0].mid
        self._far_end_ours = remote.ours
        for far, name in zip(remote.media, inward, strict=True):
            if name and far.direction in ("sendrecv", "sendonly"):
                track = self.tracks[name]
                self._ingress.add(far, track)
                self._control.receives(track)
                track.on_missing = self._hurry
        for ours, far, name in zip(local, remote.media, outward, strict=True):
            if name and far.direction in ("sendrecv", "recvonly"):
                slot = self.slots[name]
                # The numbers that count are those of the side that receives.
                self._sending.append((slot, far if offerer else ours))
        for candidate in remote.candidates:
            self._candidates += 1
            await self._transport.add_candidate(candidate)
        early, self._early_candidates = self._early_candidates, []
        for text, mid in early:
            await self.add_candidate(text, mid)
        if remote.complete:
            await self.add_candidate("", "")
        self._transport.start(
            remote.ufrag,
            remote.password,
            remote.fingerprint,
            lite=remote.lite,
            dtls_client=remote.setup == "passive" or (not offerer and remote.setup == "actpass"),
        )

    # --- life ---------------------------------------------------------------------------------------------------------

    def _connected(self, rx: SrtpBuffer, tx: SrtpBuffer) -> None:
        now = time.monotonic()
        self._tx = tx
        self._transport.heard = self._counted = now
        self._control.open([slot for slot, _ in self._sending], trusted=self._far_end_ours)
        for slot, media in self._sending:
            rtx = media.rtx_payload_type
            late = rtx >= 0 or not self._far_end_ours  # ours takes late sound for repaired
            slot.open(self._send, media.payload_type, rtx, media.time_extension, self._send_run, counts_late=late)
        self._ticker.add(self)
        self._set_state(LegState.CONNECTED)
        self._ingress.open(rx)
        for slot, _ in self._sending:
            if slot.track is not None:
                slot.track.request_keyframe(now, joiner=True)

    def _ended(self) -> None:
        self._ticker.remove(self)
        self._ingress.close()
        self._tx = None
        for slot in self.slots.values():
            slot.shut()
        for track in self.tracks.values():
            track.on_nack = track.on_keyframe = track.on_missing = None
        self._set_state(LegState.CLOSED)

    async def close(self) -> None:
        """End the connection. Idempotent; takes at most 2 s."""
        if self._closing is None:
            self._closing = spawn(self._transport.close(), name=f"leg {self.name} closes")
        await asyncio.shield(self._closing)

    def _hurry(self) -> None:
        self._ticker.hurry(self)

    def repair(self, now: float) -> bool:
        return any([self._control.release(now), *(source.track.repair(now) for source in self._ingress.sources())])

    def tick(self, now: float) -> None:
        """Called every 100 ms while connected."""
        transport = self._transport
        transport.refresh()
        liveness = self._liveness
        heard = max(transport.heard, self._ingress.heard)
        self._control.heard(heard)
        for _ in range(liveness.look(heard, self._control.rtt, now)):
            transport.probe(now)
        # Another address is another path: what else took the old one, like a WebSocket, may be lost.
        doubtful = LegState.DOUBTFUL if liveness.doubtful or transport.remapped else LegState.CONNECTED
        transport.remapped = False
        self._set_state(LegState.SILENT if liveness.silent else doubtful)
        if transport.rtt:
            self._control.measured(transport.rtt, now)
            transport.rtt = 0.0
        for source in self._ingress.sources():
            source.track.tick(now)
        self._control.tick(now)
        if now - self._counted >= 1.0:
            self._count(now)

    def _count(self, now: float) -> None:
        elapsed = now - self._counted
        self._counted = now
        for prefix, tracks in (("track", self.tracks), ("slot", self.slots)):
            for name, track in tracks.items():
                key = f"{prefix} {name}"
                self._bitrates[key] = round((track.bytes - self._bytes_before.get(key, 0)) * 8 / elapsed)
                self._bytes_before[key] = track.bytes

    # --- packets out --------------------------------------------------------------------------------------------------

    def _send(self, header: bytes, payload: bytes) -> None:
        tx = self._tx
        if tx is None:
            return
        try:
            datagram = tx.protect(header, payload)
        except SrtpError:
            self._refused += 1
            return
        self._packets_out += 1
        self._bytes_out += len(datagram)
        self._transport.send(datagram)

    def _send_run(self, packets: list[tuple[bytes, bytes]]) -> None:
        """Send packets that belong together by as few system calls as there can be."""
        tx, outbox = self._tx, self._transport.outbox
        if len(packets) == 1 or tx is None or outbox is None:
            for header, payload in packets:
                self._send(header, payload)
            return
        for start in range(0, len(packets), OUT_DATAGRAMS):
            some = packets[start : start + OUT_DATAGRAMS]
            count = tx.protect_into(outbox, some)
            self._refused += len(some) - count
            self._packets_out += count
            self._bytes_out += sum(outbox.lengths[:count])
            self._transport.flush(count)

    def _send_rtcp(self, packet: bytes) -> None:
        if self._tx is None:
            return
        try:
            self._transport.send(self._tx.protect_rtcp(packet))
        except SrtpError:
            self._refused += 1

    def _take_rtcp(self, items: list[Rtcp], now: float) -> None:
        self._control.handle(items, now)

    # --- figures ------------------------------------------------------------------------------------------------------

    def statistics(self) -> LegStatistics:
        """A snapshot of the tracks that were negotiated."""
        ingress = self._ingress

        def rate(track: str) -> int:
            return self._bitrates.get(track, 0)

        return LegStatistics(
            rtt=self._control.rtt,
            packets_in=ingress.packets,
            packets_out=self._packets_out,
            bytes_in=ingress.bytes,
            bytes_out=self._bytes_out,
            refused=ingress.refused + self._transport.refused + self._refused,
            repeated=ingress.repeated,
            available=self._control.available,
            estimate=self._control.estimate,
            limit=self._control.limit,
            quiet=self._liveness.quiet,
            tracks={
                source.track.name: track_statistics(source.track, self._bitrates.get(f"track {source.track.name}", 0))
                for source in ingress.sources()
            },
            slots={
                slot.name: slot_statistics(slot, self._bitrates.get(f"slot {slot.name}", 0))
                for slot, _ in self._sending
            },
        )
