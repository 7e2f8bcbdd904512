"""One published track inside this process: its packets, their repair, its subscribers. Sans-IO.

Time enters as `now`, seconds on the monotonic clock. Sequence numbers are extended (they never wrap), timestamps are
unwrapped by signed difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from link.rtc.tracks.arrival import PAUSE_S
from link.rtc.tracks.capture_clock import CaptureClock, PeerClock
from link.rtc.tracks.keyframe_requests import KeyframeRequests
from link.rtc.tracks.nack import NackList
from link.rtc.wire.vp8 import starts_keyframe

CLOCK_RATES_HZ: Final = {"audio": 48_000, "video": 90_000}
"""RTP clocks of Opus and VP8. RFC 7587 section 4.1, RFC 7741 section 4.1."""
HISTORY_PACKETS: Final = {"audio": 256, "video": 1024}
"""Packets kept for retransmission, powers of two. docs/network.md (What is done about it); libsrtp's window, as aiortc
sets it, is 1,024."""
GIVE_UP_S: Final = 1.0
"""After this a missing packet is of no use to who watches: a keyframe is asked for instead. docs/network.md (What is
done about it)."""
_GIVE_UP_TRIPS: Final = 2.5
"""Or after so many round trips. docs/network.md (What is done about it)."""
PATIENCE_S: Final = 4.0
"""A recorder waits so long for it; a sender of ours still has it. docs/network.md (What is done about it)."""
ACTIVE_S: Final = 1.0
"""A track without a packet for so long sends nothing. chosen: a picture a second is the fewest that a call shows."""
_UNKNOWN_RTT_S: Final = 0.1
"""The round trip while none is measured. chosen: mediasoup's NACK generator has the same (DefaultRtt)."""
_USUAL_STEP_S: Final = 0.15
"""Up to this between two packets they need no look at each of them. chosen: `arrival.PAUSE_S`, where a pause begins."""
MAX_MISSING_PACKETS: Final = 256
"""Asked for at once. docs/media.md (Limits)."""
MISSED_PACKETS_PER_S: Final = 2048
"""No network loses more of one stream: numbers that leap about are not repaired. docs/media.md (Limits)."""


Arrival: TypeAlias = tuple[int, int, bool, bytes]
"""A packet as it stood on the wire: sequence number, timestamp, marker, payload."""


Follower: TypeAlias = Callable[[int, int, int], None]
"""Takes the sequence number and timestamp of a packet, and the ticks by which it and all that follow lie later."""


class Packet(msgspec.Struct, eq=False, gc=False):
    """One media packet after repair. `sequence` is extended, `timestamp` unwrapped, `arrival` in seconds."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    arrival: float


class Subscriber(Protocol):
    """A reader of one track. Calls are synchronous and must not raise. A `patient` one waits longer for repairs."""

    patient: bool

    def packet(self, packet: Packet) -> None:
        """A packet, at once and in order of arrival: late and repaired ones carry a lower sequence number."""

    def packet_run(self, run: Sequence[Packet]) -> None:
        """Packets that arrived together, each the next one of the one before it."""

    def gave_up(self, sequence: int) -> None:
        """The packet `sequence` is not asked for any more; should it arrive all the same, it is handed on."""

    def restarted(self, reason: str) -> None:
        """What comes next does not continue what came before; `reason` is `restart` or `overflow`."""

    def tick(self, now: float) -> None:
        """Called about every 100 ms."""

    def limit(self) -> int:
        """Bits per second this subscriber can take, 0 for no limit."""


class PublishedTrack:
    """One published track, whatever leg or local encoder it comes from.

    A track exists before its first packet and survives a change of SSRC. Subscribers are attached by `Relay`. The
    publisher sets `on_nack` (16-bit sequence numbers to ask for again), `on_keyframe` and `on_missing` (called when
    `repair` wants to be called within 20 ms).
    """

    def __init__(self, kind: str, name: str = "") -> None:
        """`kind` is `audio` (48 kHz Opus) or `video` (90 kHz VP8)."""
        self.kind = kind
        self.name = name
        self.rate = CLOCK_RATES_HZ[kind]
        self.clock = CaptureClock(self.rate)
        self._usual_step = int(_USUAL_STEP_S * self.rate)
        self.rtt = _UNKNOWN_RTT_S
        self.rtx = False  # what is sent again comes as such (RFC 4588), so what comes late was only late
        self.on_nack: Callable[[list[int]], None] | None = None
        self.on_keyframe: Callable[[], None] | None = None
        self.on_missing: Callable[[], None] | None = None
        self.packets = self.bytes = self.repaired = self.late = self.lost = self.nacks = self.keyframe_requests = 0
        self.jitter = 0.0  # in timestamp units (RFC 3550 appendix A.8)
        self.first = self.highest = -1
        self.before = 0  # packets (not repaired ones) of streams before the present one
        self.last_arrival = float("-inf")
        self._size = HISTORY_PACKETS[kind]
        self._mask = self._size - 1
        self._history: list[Packet | None] = []
        self._missing = NackList()
        self._transit = 0.0
        self._timestamp = 0  # unwrapped, of the newest packet
        self._wrapped = 0  # the same as it stood in the packet
        self._rebase = True
        self._stray = -1
        self._missed, self._missed_since = 0, float("-inf")
        self._subscribers: tuple[Subscriber, ...] = ()
        self._followers: tuple[Follower, ...] = ()
        self._keyframes = KeyframeRequests()

    def active(self, now: float) -> bool:
        """Whether a packet arrived within the last second."""
        return now - self.last_arrival < ACTIVE_S

    @property
    def keyframe_came(self) -> float:
        """When the last keyframe came that had been asked for."""
        return self._keyframes.came

    @property
    def subscribers(self) -> Sequence[Subscriber]:
        return self._subscribers

    def add(self, subscriber: Subscriber) -> None:
        self._subscribers = (*self._subscribers, subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

    def accompany(self, peer: PeerClock) -> None:
        """What comes on the other tracks of this peer tells of this one whether its source or the path has paused."""
        self.clock.close()
        self.clock = CaptureClock(self.rate, peer)

    def follow(self, moved: Follower) -> None:
        """Call `moved` before the packet from which on timestamps mean so much later than before.

        The publisher's source paused, and its timestamps did not go on, or they leapt.
        """
        self._followers = (*self._followers, moved)

    def unfollow(self, moved: Follower) -> None:
        self._followers = tuple(follower for follower in self._followers if follower != moved)

    # --- packets in ---------------------------------------------------------------------------------------------------

    def receive(
        self, sequence: int, timestamp: int, marker: bool, payload: bytes, now: float, repaired: bool = False
    ) -> None:
        """Take a packet as it stood on the wire and hand it to the subscribers; duplicates end here."""
        highest = self.highest
        ahead = (sequence - highest) & 0xFFFF
        if highest < 0 or self._rebase:
            extended = self._begin(sequence, timestamp, now)
        elif ahead == 1:
            extended = highest + 1
        elif ahead < 0x8000:
            if ahead == 0:
                return
            extended = highest + ahead
            self._skipped(highest + 1, extended, now)
        else:
            extended = highest - (0x10000 - ahead)
            if not self._accept_late(extended, sequence, now, repaired):
                return
        self._stray = -1
        difference = (timestamp - self._wrapped) & 0xFFFFFFFF
        if difference >= 0x80000000:
            difference -= 0x100000000
        unwrapped = self._timestamp + difference
        if extended > highest:
            clock = self.clock
            clock.observe(unwrapped, now, adjacent=extended == highest + 1)
            if clock.has_moved and unwrapped != self._timestamp:
                self._move(extended, unwrapped, clock)
            self.highest = extended
            self._timestamp = unwrapped
            self._wrapped = timestamp
            transit = now * self.rate - unwrapped
            self.jitter += (abs(transit - self._transit) - self.jitter) / 16
            self._transit = transit
        if repaired:
            self.repaired += 1
        self.packets += 1
        self.bytes += len(payload)
        self.last_arrival = now
        if self._keyframes.wanted and starts_keyframe(payload):
            self._keyframes.begins(unwrapped, now)
        packet = Packet(extended, unwrapped, marker, payload, now)
        self._history[extended & self._mask] = packet
        for subscriber in self._subscribers:
            subscriber.packet(packet)

    def receive_run(self, arrivals: Sequence[Arrival], now: float) -> None:
        """Take packets that arrived together; the same as `receive` for each, but those in order go on together."""
        run: list[Packet] = []
        size = 0
        keyframes, clock = self._keyframes, self.clock
        singly = clock.in_doubt or clock.has_moved or now - self.last_arrival >= PAUSE_S
        for sequence, timestamp, marker, payload in arrivals:
            highest = self.highest
            if (
                singly
                or (sequence - highest) & 0xFFFF != 1
                or highest < 0
                or self._rebase
                or keyframes.wanted
                or ((timestamp - self._wrapped) & 0xFFFFFFFF) > self._usual_step
            ):
                if run:
                    self._hand_on(run, size, now)
                    run, size = [], 0
                self.receive(sequence, timestamp, marker, payload, now)
                continue
            if timestamp != self._wrapped:
                self._timestamp += (timestamp - self._wrapped) & 0xFFFFFFFF
                self._wrapped = timestamp
            highest += 1
            self.highest = highest
            size += len(payload)
            packet = Packet(highest, self._timestamp, marker, payload, now)
            self._history[highest & self._mask] = packet
            run.append(packet)
        if run:
            self._hand_on(run, size, now)

    def _hand_on(self, run: list[Packet], size: int, now: float) -> None:
        self._stray = -1
        unwrapped = self._timestamp
        self.clock.observe(unwrapped, now, adjacent=False)
        transit = now * self.rate - unwrapped
        self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit
        self.packets += len(run)
        self.bytes += size
        self.last_arrival = now
        for subscriber in self._subscribers:
            subscriber.packet_run(run)

    def _move(self, sequence: int, timestamp: int, clock: CaptureClock) -> None:
        ticks = clock.moved()
        for follower in self._followers:
            follower(sequence, timestamp, ticks)

    def restart(self, reason: str = "restart") -> None:
        """The publisher begins a new stream: the next packet starts it, with any sequence number and timestamp."""
        if self.highest < 0:
            return
        self._rebase = True
        self.lost += len(self._missing)
        self._missing.clear()
        self.clock.close()
        self.clock = CaptureClock(self.rate, self.clock.leg, anew=True)
        for subscriber in self._subscribers:
            subscriber.restarted(reason)

    def packet(self, sequence: int) -> Packet | None:
        """The packet with this extended sequence number, if it is still in the history."""
        if not self._history:
            return None
        packet = self._history[sequence & self._mask]
        return packet if packet is not None and packet.sequence == sequence else None

    def unwrap(self, timestamp: int) -> int:
        """The 32-bit timestamp of a sender report as this track counts; at least one packet has come."""
        difference = (timestamp - self._wrapped) & 0xFFFFFFFF
        return self._timestamp + (difference - 0x100000000 if difference >= 0x80000000 else difference)

    def _begin(self, sequence: int, timestamp: int, now: float) -> int:
        if self.highest < 0:
            self._history = [None] * self._size
            extended = 0x10000 + sequence
            self._timestamp = timestamp
        else:
            # Two cycles on: whatever is still under way of the old stream cannot be taken for the new one.
            extended = ((self.highest >> 16) + 2) * 0x10000 + sequence
            self._timestamp += max(1, round((now - self.last_arrival) * self.rate))
        self._wrapped = timestamp
        self._transit = now * self.rate - self._timestamp
        self._rebase = False
        self.first = extended
        self.before = self.packets - self.repaired
        return extended

    def _skipped(self, start: int, end: int, now: float) -> None:
        if end - start > MAX_MISSING_PACKETS or self._leaps(end - start, now):
            self.lost += end - start + len(self._missing)
            self._missing.clear()
            for subscriber in self._subscribers:
                subscriber.restarted("overflow")
            self.request_keyframe(now)
            return
        missing = self._missing
        while missing and len(missing) + end - start > MAX_MISSING_PACKETS:
            self._give_up(missing.oldest)
        if not missing and self.on_missing is not None:
            self.on_missing()
        missing.miss(range(start, end), now)

    def _leaps(self, missed: int, now: float) -> bool:
        """Whether this is too much to be repaired within one second, along with what was missed before."""
        if now - self._missed_since >= 1.0:
            self._missed, self._missed_since = 0, now
        self._missed += missed
        return self._missed > MISSED_PACKETS_PER_S

    def _reach_back(self, extended: int, now: float) -> None:
        """The stream began earlier than its first packet to arrive: what lies between is missing as well."""
        start, end = max(extended + 1, self.first - MAX_MISSING_PACKETS + len(self._missing)), self.first
        self.first = extended
        if start < end:
            if not self._missing and self.on_missing is not None:
                self.on_missing()
            self._missing.miss(range(start, end), now)

    def _accept_late(self, extended: int, sequence: int, now: float, repaired: bool) -> bool:
        if extended > self.highest - self._size and extended >= 0:
            known = self._history[extended & self._mask]
            if known is not None and known.sequence == extended:
                return False
            # Where there is no RTX, as with sound, what is sent again looks like what is late.
            if self._missing.came(extended, now, self.rtt) and not repaired and not self.rtx:
                self.repaired += 1
            elif extended < self.first:
                self._reach_back(extended, now)
            self.late += 1
            return True
        # Far behind: two packets in a row mean that the publisher began anew without saying so (RFC 3550 A.1).
        if sequence == self._stray:
            self.restart()
        self._stray = (sequence + 1) & 0xFFFF
        return False

    # --- repair -------------------------------------------------------------------------------------------------------

    @property
    def missing(self) -> int:
        """Packets that have not come and are still asked for."""
        return len(self._missing)

    def repair(self, now: float) -> bool:
        """Ask again for what is missing and due, give up on what is too old; whether anything is still missing."""
        missing = self._missing
        if not missing:
            return False
        # Where a queue stands an answer takes as long as that, and a keyframe would make it longer still.
        give_up = max(GIVE_UP_S, _GIVE_UP_TRIPS * self.rtt)
        patience = (
            PATIENCE_S if any(subscriber.patient for subscriber in self._subscribers) else min(PATIENCE_S, give_up)
        )
        due, old, too_late = missing.due(now, self.rtt, give_up, patience)
        if too_late:
            self._keyframes.wanted = self.kind == "video"  # also behind one that is arriving: it may lack this packet
            self.request_keyframe(now)
        if due and self.on_nack is not None:
            self.nacks += len(due)
            self.on_nack([sequence & 0xFFFF for sequence in due])
        for sequence in old:
            self._give_up(sequence)
        return bool(missing)

    def _give_up(self, sequence: int) -> None:
        self._missing.forget(sequence)
        self.lost += 1
        for subscriber in self._subscribers:
            subscriber.gave_up(sequence)

    def request_keyframe(self, now: float, *, joiner: bool = False) -> None:
        """Ask the publisher for a keyframe, as often and as long as `KeyframeRequests` has it; nothing for sound."""
        if self.kind != "video":
            return
        self._follow_keyframe(now)
        if self._keyframes.due(now, joiner=joiner) and self.on_keyframe is not None:
            self._keyframes.asked(now)
            self.keyframe_requests += 1
            self.on_keyframe()

    def _follow_keyframe(self, now: float) -> None:
        if self._keyframes.arriving:
            newest = self.packet(self.highest)
            self._keyframes.follow(self._timestamp, newest is not None and newest.marker, self.last_arrival, now)

    def tick(self, now: float) -> None:
        """Called about every 100 ms."""
        self._follow_keyframe(now)
        if self._keyframes.wanted and self.active(now):
            self.request_keyframe(now)
        for subscriber in self._subscribers:
            subscriber.tick(now)

    def limit(self) -> int:
        """Bits per second that every subscriber can take, 0 for no limit."""
        limits = [limit for subscriber in self._subscribers if (limit := subscriber.limit())]
        return min(limits, default=0)
