"""The path of one leg: aiortc's ICE and DTLS, with media taken off the socket before they see it.

Private names of aiortc and aioice are used here; `link.rtc.transport.library_check` checks each of them at start.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import structlog
from aioice import ice, stun
from aioice.candidate import Candidate as IceCandidate
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc import RTCCertificate, RTCIceCandidate, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceParameters

from link.rtc.transport.candidate_pairs import Address, forget, nominate, pair_with
from link.rtc.transport.connectivity_checks import CONNECT_TIMEOUT_S, AskingProtocol, Callers
from link.rtc.transport.consent import ConsentChecks
from link.rtc.transport.dtls_retransmission import DtlsRetransmission
from link.rtc.transport.permitted_addresses import PermittedAddresses
from link.rtc.transport.srtp import SrtpBuffer
from link.rtc.transport.stun_filter import StunFilter
from link.rtc.transport.turn_address import parse_url
from link.rtc.transport.turn_allocation import TurnAllocation
from link.rtc.transport.turn_framing import IceServerUrl, RelayUnavailable
from link.rtc.transport.udp_batch import Inbox, Outbox
from link.rtc.transport.udp_socket import UdpSocket
from link.rtc.wire.sdp import Candidate
from link.tasks import cancel, spawn

log = structlog.get_logger()

CLOSE_TIMEOUT_S: Final = 2.0
"""Closing takes no longer, whatever aiortc or the far end does. docs/media.md (Limits)."""
CANCEL_EVERY_S: Final = 0.05
"""How often a task is cancelled that does not hear it. chosen: a fortieth of `CLOSE_TIMEOUT_S`."""
STUN_TIMEOUT_S: Final = 5.0
"""How long a STUN server may take. docs/media.md (Network)."""
MAX_RESOLVING_CANDIDATES: Final = 8
"""Names resolved at once. docs/media.md (Limits)."""
MAX_BUFFERED_BYTES: Final = 256 * 1024
"""What the kernel did not take yet; over that nothing is sent. chosen: half a second at 4 Mbit/s, later it is of no
use."""
MOVE_EVERY_S: Final = 1.0
"""Between two moves of the far end: who comes by two ways at once is not followed from packet to packet. docs/media.md
(Another address on the way)."""
RELAY_DOUBT_S: Final = 0.5
"""Without anything for so long our TURN server is asked whether it still knows us. docs/media.md (Through a TURN
server)."""


class IceDtlsTransport:
    """ICE, DTLS and the socket of one leg.

    `on_burst(inbox, count, now)` gets what arrived together on a socket of ours and returns which of it is no media;
    `on_media(datagram, now)` gets each SRTP and SRTCP datagram that comes over TCP, and `media_heard()` says when the
    last authentic one came. `on_connected(rx, tx)` is called once the SRTP keys are there, `on_closed()` once when the
    connection has failed, ended or been closed by the far end.

    A far end whose address changes on the way, as behind a NAT that forgot it, is followed: where authentic media comes
    from is asked, and who answers with the far end's password is sent to from then on.
    """

    def __init__(
        self,
        name: str,
        servers: Sequence[IceServerUrl],
        *,
        loopback: bool,
        relay_only: bool = False,
        reach: PermittedAddresses | None = None,
        on_media: Callable[[bytes, float], None],
        on_burst: Callable[[Inbox, int, float], list[int]],
        media_heard: Callable[[], float] = lambda: 0.0,
        on_connected: Callable[[SrtpBuffer, SrtpBuffer], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._name = name
        self._loopback = loopback
        self._on_media = on_media
        self._on_burst = on_burst
        self._media_heard = media_heard
        self._on_connected = on_connected
        self._on_closed = on_closed
        certificate = RTCCertificate.generateCertificate()
        self.fingerprint = next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")
        self._servers = [(server, parse_url(server.url)) for server in servers]
        self._relay_only = relay_only
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._connection = self._gatherer._connection
        # Behind a relay it is the relay that sends, and has rules of its own for its own machine.
        self._reach = reach or PermittedAddresses(loopback=loopback or relay_only)
        self._sparing = False
        self._gate = StunFilter(self._connection, self._reach)
        self._callers = Callers(self._connection, self._reach)
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._flights = DtlsRetransmission(self.send)
        self._ice._send = self._send_handshake
        self._task: asyncio.Task[None] | None = None
        self._resolving: set[asyncio.Task[None]] = set()
        self._closed = False
        self._ended = False
        self._pair: Any = None
        self._udp: Any = None
        self._address: Address = ("", 0)
        self._port: UdpSocket | TurnAllocation | None = None
        self._target: Any = None
        self._clogged = False
        self._checks = ConsentChecks()
        self._look = False
        self._elsewhere: Address | None = None  # where media came from the last time that it did not from `_address`
        self._moved = float("-inf")
        self._mapped: Address | None = None
        self.heard = time.monotonic()
        self.rtt = 0.0  # of the last check
        self.remapped = False  # the far end sees us under another address than before
        self.refused = 0

    # --- setting up ---------------------------------------------------------------------------------------------------

    @property
    def ufrag(self) -> str:
        return self._connection.local_username

    @property
    def password(self) -> str:
        return self._connection.local_password

    async def gather(self, *, controlling: bool, sparing: bool = False) -> list[Candidate]:
        """Open the sockets; our candidates. Takes milliseconds without ICE servers, at most about 5 s with them.

        `controlling` is our role (RFC 8445 section 6.1.1): the far end's first checks come as soon as it knows our
        candidates, which is before its description arrives here, and a wrong role then ends in a conflict. With
        `sparing` addresses that the far end does not call from are asked a few times only. Raises
        `RelayUnavailable` if only relayed addresses may be used and there is none.
        """
        connection = self._connection
        self._sparing = sparing
        connection.ice_controlling = controlling
        connection._local_candidates_start = True
        hosts = [] if self._relay_only else self._hosts()
        stun_servers = [] if self._relay_only else [at for _, at in self._servers if not at.turn][:1]
        reflexive = [
            self._reflexive(protocol, (at.host, at.port))
            for at in stun_servers
            for protocol in hosts
            if protocol.transport.family == socket.AF_INET
        ]
        relayed = [self._relayed(server) for server, at in self._servers if at.turn]
        found = await asyncio.gather(*reflexive, *relayed)
        connection._local_candidates += [protocol.local_candidate for protocol in hosts]
        connection._local_candidates += [candidate for candidate in found if isinstance(candidate, IceCandidate)]
        connection._local_candidates_end = True
        await self._gatherer.gather()
        if self._relay_only and not connection.local_candidates:
            reasons = [str(reason) for reason in found if isinstance(reason, RelayUnavailable)]
            raise RelayUnavailable(reasons[0] if reasons else "no TURN server is configured")
        return [Candidate(c.foundation, c.priority, c.host, c.port, c.type) for c in connection.local_candidates]

    def _hosts(self) -> list[Any]:
        addresses = ice.get_host_addresses(use_ipv4=True, use_ipv6=True)
        self._reach.here(addresses)
        if self._loopback or not addresses:
            addresses = ["127.0.0.1", *addresses]  # aioice leaves it out on purpose
        return [protocol for address in addresses if (protocol := self._open(address)) is not None]

    def start(self, ufrag: str, password: str, fingerprint: str, *, lite: bool, dtls_client: bool) -> None:
        """Connect to the far end in the background."""
        self._dtls._set_role("client" if dtls_client else "server")
        self._ice.on("statechange", self._check_ended)
        self._dtls.on("statechange", self._check_ended)
        parameters = RTCIceParameters(usernameFragment=ufrag, password=password, iceLite=lite)
        self._task = spawn(self._connect(parameters, fingerprint), name=f"leg {self._name} connects")

    async def _connect(self, parameters: RTCIceParameters, fingerprint: str) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._ice.start(parameters)
                if self._ice.state == "completed":
                    self._gate.settle()
                    self.refresh()
                    fingerprints = [RTCDtlsFingerprint(algorithm="sha-256", value=fingerprint)]
                    await self._dtls.start(RTCDtlsParameters(fingerprints=fingerprints))
        except TimeoutError:
            log.info("leg did not connect in time", leg=self._name)
        self._flights.finish()
        if self._dtls.state == "connected" and not self._closed:
            self.refresh()
            self._on_connected(SrtpBuffer(self._dtls._rx_srtp), SrtpBuffer(self._dtls._tx_srtp))
        else:
            self._end()

    async def _send_handshake(self, data: bytes) -> None:
        """What aiortc's DTLS sends."""
        await self._connection.send(data)
        self._flights.sent(data)

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
        elif len(self._resolving) < MAX_RESOLVING_CANDIDATES:
            task = spawn(self._ice.addRemoteCandidate(remote), name=f"leg {self._name} resolves a candidate")
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)

    # --- datagrams ----------------------------------------------------------------------------------------------------

    def _open(self, address: str) -> Any:
        """A socket of ours and aioice's protocol for it, as its own gathering makes them; None if it cannot be."""
        try:
            port = UdpSocket(address)
        except OSError as error:
            log.info("address cannot be used", leg=self._name, error=str(error))
            return None
        protocol = self._protocol()
        host, number = port.sock.getsockname()[:2]
        protocol.local_candidate = IceCandidate(
            foundation=candidate_foundation("host", "udp", host),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host"),
            host=host,
            port=number,
            type="host",
        )
        self._connection._protocols.append(protocol)
        on_burst, on_other = self._on_burst, partial(self._take_other, protocol)

        def take(inbox: Inbox, count: int, now: float) -> None:
            others = on_burst(inbox, count, now)
            if self._look and len(others) < count:
                self._look_where(protocol, inbox.source(0), now)
            for data, source in [(bytes(inbox.views[i][: inbox.length(i)]), inbox.source(i)) for i in others]:
                on_other(data, source)

        port.on_burst = take
        port.open(protocol)
        return protocol

    def _protocol(self) -> Any:
        protocol: Any = AskingProtocol(self._connection)
        protocol.calls = self._callers.calls if self._sparing else None
        return protocol

    async def _reflexive(self, protocol: Any, server: tuple[str, int]) -> Any:
        """The address under which a STUN server sees this socket; None if it does not say."""
        try:
            async with asyncio.timeout(STUN_TIMEOUT_S):
                return (await ice.server_reflexive_candidate(protocol, server))[0]
        except (TimeoutError, OSError, stun.TransactionError, KeyError) as error:
            log.info("STUN server did not help", leg=self._name, error=type(error).__name__)
            return None

    async def _relayed(self, server: IceServerUrl) -> IceCandidate | RelayUnavailable:
        """A relayed address; or why there is none."""
        protocol = self._protocol()

        def datagram(data: bytes, peer: tuple[str, int]) -> None:
            if data and 127 < data[0] < 192:
                self._on_media(data, time.monotonic())
            else:
                self._take_other(protocol, data, peer)

        relay = TurnAllocation(server, on_burst=self._on_burst, on_datagram=datagram, on_lost=self._relay_lost)
        try:
            await relay.allocate()
        except RelayUnavailable as error:
            log.warning("no relayed address", leg=self._name, reason=str(error))
            return error
        host, number = relay.relayed
        # Behind a relay nobody needs to know where we are (RFC 9429 section 3.5.3).
        related = ("0.0.0.0", 9) if self._relay_only else relay.mapped  # noqa: S104
        protocol.local_candidate = IceCandidate(
            foundation=candidate_foundation("relay", "udp", host),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "relay"),
            host=host,
            port=number,
            type="relay",
            related_address=related[0],
            related_port=related[1],
        )
        self._connection._protocols.append(protocol)
        relay.open(protocol)
        return protocol.local_candidate  # type: ignore[no-any-return]

    def _relay_lost(self) -> None:
        if self._udp is not None and self._udp.is_closing():
            self._end()

    def _take_other(self, protocol: Any, data: bytes, address: tuple[Any, ...]) -> None:
        """Give aioice the STUN and DTLS of the far end, and nothing else."""
        if self._checks.concerns(data):
            self._answered(protocol, data, (address[0], address[1]), time.monotonic())
            return
        if not self._gate.admits(data, address):
            self.refused += 1
            return
        if data[0] > 19 and address[:2] == self._address:
            self._flights.heard()
        try:
            protocol.datagram_received(data, address)
        except Exception:  # noqa: BLE001 - hostile STUN finds ways to raise inside aioice
            self.refused += 1

    def send(self, datagram: bytes) -> bool:
        """Send to the far end over the nominated pair; False when there is none, or it is clogged."""
        udp = self._udp
        if udp is None or self._clogged or udp.is_closing():
            return False
        udp.sendto(datagram, self._address)
        return True

    @property
    def local_address(self) -> str | None:
        """The address of this machine that the path begins at; None while there is no path, or behind a relay."""
        port = self._port
        return str(port.sock.getsockname()[0]) if isinstance(port, UdpSocket) and not port.is_closing() else None

    @property
    def outbox(self) -> Outbox | None:
        """Where packets for `flush` are put; None while there is no socket of ours to send them by."""
        port = self._port
        return None if port is None or port.is_closing() else port.outbox

    def flush(self, count: int) -> None:
        """Send the first `count` packets of the outbox."""
        if self._port is not None and self._target is not None:
            self._port.flush(self._target, count)

    def refresh(self) -> None:
        """Follow the nominated pair, which may change while ICE goes on."""
        self._look = True
        pair = self._connection._nominated.get(1)
        if pair is not self._pair:
            if pair is not None:
                forget(self._connection)
            self._pair = pair
            self._udp = pair.protocol.transport if pair is not None else None
            self._address = pair.remote_addr if pair is not None else ("", 0)
            self._port = self._udp if isinstance(self._udp, UdpSocket | TurnAllocation) else None
            self._target = self._port.target(self._address) if self._port is not None else None
        # asyncio keeps what the kernel does not take, without a bound (a TURN transport has no such buffer).
        size = getattr(self._udp, "get_write_buffer_size", None)
        self._clogged = size is not None and size() > MAX_BUFFERED_BYTES

    # --- whether the far end is there, and where ----------------------------------------------------------------------

    def probe(self, now: float) -> None:
        """Ask the far end for a sign of life: its answer is `heard`, and tells the round-trip time."""
        if self._pair is not None:
            self._ask(self._pair, now)
            if isinstance(self._port, TurnAllocation) and now - max(self.heard, self._media_heard()) > RELAY_DOUBT_S:
                self._port.confirm(now)

    def _ask(self, pair: Any, now: float) -> None:
        password = self._connection.remote_password
        if password is None or self._udp is None or self._udp.is_closing():
            return
        # Nominating (if that is our part) moves a far end that sees us come from elsewhere, and changes nothing else.
        request = self._connection.build_request(pair, nominate=True)
        self._checks.ask(request, pair.remote_addr, password, now)
        pair.protocol.send_stun(request, pair.remote_addr)

    def _answered(self, protocol: Any, data: bytes, source: Address, now: float) -> None:
        answer = self._checks.take(data, source, self._connection.remote_password or "", now)
        if answer is None:
            self.refused += 1
        elif source == self._address:
            self.heard = now
            self.rtt = answer.rtt
            self.remapped = self.remapped or answer.mapped != (self._mapped or answer.mapped)
            self._mapped = answer.mapped
        elif now - self._moved >= MOVE_EVERY_S:
            self._move(protocol, source, now)

    def _look_where(self, protocol: Any, source: Address, now: float) -> None:
        """See whether authentic media that came at `now` came from where we send to; ask there if not, twice in a row.

        Media moves nothing by itself: somebody may have sent it on, as in the attacks of RFC 8445 section 19.2.
        """
        self._look = False
        if source == self._address or self._pair is None or protocol is not self._pair.protocol:
            self._elsewhere = None
        elif self._media_heard() == now:
            again, self._elsewhere = source == self._elsewhere, source
            if again and self._reach.allows(*source) and now - self._moved >= MOVE_EVERY_S:
                self._ask(pair_with(self._connection, protocol, source), now)

    def _move(self, protocol: Any, address: Address, now: float) -> None:
        """The far end has answered from there: send there."""
        log.info("leg moves with its far end", leg=self._name)
        nominate(self._connection, pair_with(self._connection, protocol, address))
        self._moved = self.heard = now
        self.refresh()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _check_ended(self) -> None:
        if self._ice.state in ("failed", "closed") or self._dtls.state in ("failed", "closed"):
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._flights.stop()
            self._udp = self._port = None
            self._on_closed()

    async def _stop_connecting(self) -> None:
        """Cancel until it is heard: aiortc waits by `asyncio.wait_for`, see `link.tasks.cancel`."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CANCEL_EVERY_S)

    async def close(self) -> None:
        """Tell the far end and release everything, within 2 s whatever aiortc does."""
        self._closed = True
        protocols = list(self._connection._protocols)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._stop_connecting()
                for task in tuple(self._resolving):
                    await cancel(task)
                await self._dtls.stop()
                await self._ice.stop()
        except (TimeoutError, ConnectionError):
            log.warning("leg had to be torn down", leg=self._name)
            ice_transport: Any = self._ice
            for left in (self._connection._query_consent_task, ice_transport._RTCIceTransport__monitor_task):
                await cancel(left)
        self._end()
        for protocol in protocols:
            transport = protocol.transport
            if hasattr(transport, "abort"):
                transport.abort()
