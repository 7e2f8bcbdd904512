"""The path of one leg: aiortc's ICE and DTLS, with media taken off the socket before they see it.

The only module that touches aiortc's and aioice's private names; `link.media.selftest` checks each of them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aioice import ice
from aiortc import RTCCertificate, RTCIceCandidate, RTCIceGatherer, RTCIceServer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceParameters

from link.media.description import Candidate
from link.media.srtp import SrtpBuffer
from link.tasks import cancel, spawn

log = structlog.get_logger()

CONNECT_TIMEOUT = 30.0
CLOSE_TIMEOUT = 2.0
MAX_QUEUED = 128  # STUN and DTLS datagrams waiting for aiortc
MAX_RESOLVING = 8
MAX_BUFFERED = 256 * 1024  # bytes the kernel did not take yet


class Transport:
    """ICE, DTLS and the socket of one leg.

    `on_media(datagram, now)` gets every SRTP and SRTCP datagram as it arrives. `on_connected(rx, tx)` is called once
    the SRTP keys are there, `on_closed()` once when the connection has failed, ended or been closed by the far end.
    """

    def __init__(
        self,
        name: str,
        ice_servers: Sequence[RTCIceServer],
        *,
        loopback: bool,
        on_media: Callable[[bytes, float], None],
        on_connected: Callable[[SrtpBuffer, SrtpBuffer], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._name = name
        self._loopback = loopback
        self._on_media = on_media
        self._on_connected = on_connected
        self._on_closed = on_closed
        certificate = RTCCertificate.generateCertificate()
        self.fingerprint = next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")
        self._gatherer = RTCIceGatherer(iceServers=list(ice_servers))
        self._ice = RTCIceTransport(self._gatherer)
        self._connection = self._gatherer._connection
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._task: asyncio.Task[None] | None = None
        self._resolving: set[asyncio.Task[None]] = set()
        self._closed = False
        self._ended = False
        self._pair: Any = None
        self._udp: Any = None
        self._address: tuple[str, int] = ("", 0)
        self._clogged = False
        self._probe_id = b""
        self._probe_at = 0.0
        self.heard = time.monotonic()
        self.rtt = 0.0  # of the last STUN probe
        self.refused = 0

    # --- setting up ---------------------------------------------------------------------------------------------------

    @property
    def ufrag(self) -> str:
        return self._connection.local_username

    @property
    def password(self) -> str:
        return self._connection.local_password

    async def gather(self) -> list[Candidate]:
        """Open the sockets; our candidates. Takes milliseconds without ICE servers, at most about 5 s with them."""
        connection = self._connection
        addresses = ice.get_host_addresses(use_ipv4=True, use_ipv6=True)
        if self._loopback or not addresses:
            # aioice leaves out 127.0.0.1 on purpose; gathering by hand instead of changing its function for everybody.
            connection._local_candidates_start = True
            connection._local_candidates += await connection.get_component_candidates(
                component=1, addresses=["127.0.0.1", *addresses]
            )
            connection._local_candidates_end = True
        await self._gatherer.gather()
        for protocol in connection._protocols:
            self._hook(protocol)
        return [Candidate(c.foundation, c.priority, c.host, c.port, c.type) for c in connection.local_candidates]

    def start(
        self, ufrag: str, password: str, fingerprint: str, *, controlling: bool, lite: bool, dtls_client: bool
    ) -> None:
        """Connect to the far end in the background."""
        self._connection.ice_controlling = controlling
        self._dtls._set_role("client" if dtls_client else "server")
        self._ice.on("statechange", self._check_ended)
        self._dtls.on("statechange", self._check_ended)
        parameters = RTCIceParameters(usernameFragment=ufrag, password=password, iceLite=lite)
        self._task = spawn(self._connect(parameters, fingerprint), name=f"leg {self._name} connects")

    async def _connect(self, parameters: RTCIceParameters, fingerprint: str) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._ice.start(parameters)
                if self._ice.state == "completed":
                    fingerprints = [RTCDtlsFingerprint(algorithm="sha-256", value=fingerprint)]
                    await self._dtls.start(RTCDtlsParameters(fingerprints=fingerprints))
        except TimeoutError:
            log.info("leg did not connect in time", leg=self._name)
        if self._dtls.state == "connected" and not self._closed:
            self.refresh()
            self._on_connected(SrtpBuffer(self._dtls._rx_srtp), SrtpBuffer(self._dtls._tx_srtp))
        else:
            self._end()

    async def add_candidate(self, candidate: Candidate | None) -> None:
        """A candidate of the far end, or None for the end of them. Returns at once; mDNS names resolve behind it."""
        if candidate is None:
            # aioice takes "no candidate" for "no such peer", but a peer may show where it is by calling us; and with
            # mDNS names alone that is the usual way. Then CONNECT_TIMEOUT decides.
            if self._connection.remote_candidates:
                await self._ice.addRemoteCandidate(None)
            return
        remote = RTCIceCandidate(
            component=1,
            foundation=candidate.foundation,
            ip=candidate.host,
            port=candidate.port,
            priority=candidate.priority,
            protocol="udp",
            type=candidate.type,
            sdpMid="0",
        )
        if not candidate.mdns:
            await self._ice.addRemoteCandidate(remote)
        elif len(self._resolving) < MAX_RESOLVING:
            task = spawn(self._ice.addRemoteCandidate(remote), name=f"leg {self._name} resolves a candidate")
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)

    # --- datagrams ----------------------------------------------------------------------------------------------------

    def _hook(self, protocol: Any) -> None:
        """Put ourselves between the socket and aioice, by the first byte of each datagram (RFC 7983)."""
        pass_on = protocol.datagram_received
        on_media = self._on_media
        monotonic = time.monotonic
        queue = self._connection._queue

        def datagram_received(data: bytes, address: tuple[Any, ...]) -> None:
            first = data[0] if data else 255
            if 127 < first < 192:
                on_media(data, monotonic())
            elif (first < 4 or 19 < first < 64) and queue.qsize() < MAX_QUEUED:
                if address[:2] == self._address:
                    self._heard_stun(data, monotonic())
                try:
                    pass_on(data, address)
                except Exception:  # noqa: BLE001 - hostile STUN finds ways to raise inside aioice
                    self.refused += 1
            else:
                self.refused += 1

        protocol.datagram_received = datagram_received

    def _heard_stun(self, data: bytes, now: float) -> None:
        self.heard = now
        if self._probe_id and data[8:20] == self._probe_id and data[0] == 1:
            self._probe_id = b""
            self.rtt = now - self._probe_at

    def send(self, datagram: bytes) -> bool:
        """Send to the far end over the nominated pair; False when there is none, or it is clogged."""
        udp = self._udp
        if udp is None or self._clogged or udp.is_closing():
            return False
        udp.sendto(datagram, self._address)
        return True

    def refresh(self) -> None:
        """Follow the nominated pair, which may change while ICE goes on."""
        pair = self._connection._nominated.get(1)
        if pair is not self._pair:
            self._pair = pair
            self._udp = pair.protocol.transport if pair is not None else None
            self._address = pair.remote_addr if pair is not None else ("", 0)
        # asyncio keeps what the kernel does not take, without a bound (a TURN transport has no such buffer).
        size = getattr(self._udp, "get_write_buffer_size", None)
        self._clogged = size is not None and size() > MAX_BUFFERED

    def probe(self, now: float) -> None:
        """Send a STUN check of our own (RFC 7675): its answer tells the round-trip time, and that the far end lives."""
        pair = self._pair
        password = self._connection.remote_password
        if pair is None or password is None or self._udp is None or self._udp.is_closing():
            return
        request = self._connection.build_request(pair, nominate=False)
        request.transaction_id = secrets.token_bytes(12)
        request.add_message_integrity(password.encode())
        self._probe_id = request.transaction_id
        self._probe_at = now
        pair.protocol.send_stun(request, pair.remote_addr)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _check_ended(self) -> None:
        if self._ice.state in ("failed", "closed") or self._dtls.state in ("failed", "closed"):
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._udp = None
            self._on_closed()

    async def close(self) -> None:
        """Tell the far end and release everything, within 2 s whatever aiortc does."""
        self._closed = True
        protocols = list(self._connection._protocols)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await cancel(self._task)
                for task in tuple(self._resolving):
                    await cancel(task)
                await self._dtls.stop()
                await self._ice.stop()
        except (TimeoutError, ConnectionError):
            log.warning("leg had to be torn down", leg=self._name)
        self._end()
        for protocol in protocols:
            # The hook is a cycle through this object: let go of it.
            protocol.__dict__.pop("datagram_received", None)
            transport = protocol.transport
            if hasattr(transport, "abort"):
                transport.abort()
