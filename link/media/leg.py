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

For a page that is, in this order and before `createOffer` (`bundlePolicy: "max-bundle"`):

    pc.addTransceiver(microphoneTrack or "audio", {direction: "sendrecv"})
    pc.addTransceiver(cameraTrack or "video", {direction: "sendrecv"})
    pc.addTransceiver(auxiliaryTrack or "video", {direction: "sendrecv"})
    pc.addTransceiver("audio", {direction: "recvonly"})
    pc.addTransceiver("audio", {direction: "recvonly"})
    pc.addTransceiver("video", {direction: "recvonly"})

`pc.getTransceivers()[i].receiver.track` is then the slot of row i. A transceiver may have no track and get one later by
`sender.replaceTrack`. Codecs are Opus and VP8; `setCodecPreferences` is not needed. Candidates are trickled: send each
`candidate` with its `sdpMid`, and the empty candidate at the end. The answer holds all of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from link.media.flow import Flow

MICROPHONE, CAMERA, AUXILIARY = "microphone", "camera", "auxiliary"
UP_SLOTS = (MICROPHONE, CAMERA, AUXILIARY)
DOWN_SLOTS = ("audio0", "audio1", "audio2", "video0", "video1", "video2")


class InvalidDescription(ValueError):
    """An SDP or a candidate that is malformed, too large, or not the six m-lines of this module."""


class LegState(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    SILENT = "silent"  # nothing at all was heard for 2 s; goes back to CONNECTED by itself
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, from configuration only."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class FlowStatistics:
    """What arrived on one received track since the leg began. Rates are of the last second, times in seconds."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0  # not there, neither at first nor after repair
    repaired: int = 0
    nacks: int = 0  # sent
    plis: int = 0  # sent
    jitter: float = 0.0
    bitrate: int = 0


@dataclass(frozen=True, slots=True)
class SlotStatistics:
    """What was sent on one track since the leg began, and what the far end reports about it."""

    packets: int = 0
    bytes: int = 0
    retransmitted: int = 0
    nacks: int = 0  # received
    plis: int = 0  # received
    lost: int = 0  # as reported by the far end
    fraction_lost: float = 0.0
    bitrate: int = 0


@dataclass(frozen=True, slots=True)
class LegStatistics:
    """A snapshot of one leg. `rtt` is in seconds and 0.0 while unknown; `refused` counts hostile or damaged packets."""

    rtt: float = 0.0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    refused: int = 0
    available: int = 0  # bit/s that the far end says (REMB) this leg can carry away from us; 0 while unknown
    flows: dict[str, FlowStatistics] = field(default_factory=dict)
    slots: dict[str, SlotStatistics] = field(default_factory=dict)


class Leg:
    """One peer connection, as answerer (`answer`) or offerer (`offer` then `accept`); used once.

    `flows` holds a `Flow` for every name of both directions, from construction on. As answerer the leg receives
    microphone, camera and auxiliary and sends the six down slots; as offerer it is the other way round: it sends
    microphone, camera and auxiliary and receives the six down slots.
    """

    def __init__(
        self,
        name: str,
        *,
        ice_servers: Sequence[IceServer] = (),
        loopback: bool = False,
        on_state: Callable[[LegState], None] | None = None,
    ) -> None:
        """`name` is for logs. `loopback` adds 127.0.0.1 to the candidates. `on_state` is called on the event loop."""
        self.name = name
        self.flows: dict[str, Flow] = {}
        raise NotImplementedError

    @property
    def state(self) -> LegState:
        raise NotImplementedError

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer of the six m-lines; the answer holds our candidates. Raises `InvalidDescription`."""
        raise NotImplementedError

    async def offer(self) -> str:
        """An offer of the six m-lines with our candidates."""
        raise NotImplementedError

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer to `offer`. Raises `InvalidDescription`."""
        raise NotImplementedError

    async def add_candidate(self, candidate: str, mid: str) -> None:
        """Add a trickled candidate of the far end; "" ends them. Raises `InvalidDescription`."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the connection. Idempotent; takes at most 2 s."""
        raise NotImplementedError

    def statistics(self) -> LegStatistics:
        raise NotImplementedError
